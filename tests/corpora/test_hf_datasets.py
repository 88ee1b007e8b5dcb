"""Folders of Hugging Face's datasets: the layout audiofolder, and `ser unpack` of Arrow and Parquet files."""

import json

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.corpora import listing
from pipeline.corpora.base import CorpusParams
from pipeline.corpora.recognition import recognise
from pipeline.errors import UserError
from pipeline.strict import validate


def record(path, seed):
    """A recording of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).uniform(-0.3, 0.3, 16000), 16000)


@pytest.fixture
def read(tmp_path):
    """Read a folder with recordings of these names, and these texts: its rows."""

    def read(names, texts=(), **params):
        for seed, name in enumerate(names):
            record(tmp_path / "d" / name, seed)
        for name, text in dict(texts).items():
            (tmp_path / "d" / name).write_text(text, encoding="utf-8")
        settings = validate(CorpusParams, {"reader": "hf_datasets", "root": tmp_path / "d", **params})
        return listing.read("mine", settings).rows

    return read


def test_metadata_of_each_split(read):
    texts = {
        "train/metadata.csv": "file_name,label,speaker_id,text,other\na.wav,sad,3,hello,x\nsub/b.wav,happy,4,,x\n",
        "test/metadata.jsonl": '{"file_name": "c.wav", "label": "sad", "speaker_id": 5, "start": 0.25, "end": 0.5}\n\n',
    }
    called = {"emotion": "label", "speaker": "speaker_id"}
    rows = read(["train/a.wav", "train/sub/b.wav", "test/c.wav"], texts, columns=called)
    assert [(row.key, row.emotion, row.speaker, row.part, row.text) for row in rows] == [
        ("test/c#00000250-00000500", "sad", "5", "test", ""),
        ("train/a", "sad", "3", "train", "hello"),
        ("train/sub/b", "happy", "4", "train", ""),
    ]


def test_numbers_are_dimensions_and_text_of_such_a_name_is_none(read):
    texts = {
        "train/metadata.csv": "file_name,emotion,valence,calm,arousal\na.wav,sad,1.5,2,high\nb.wav,,-3,,low\n",
        "test/metadata.jsonl": '{"file_name": "c.wav", "valence": 4, "calm": null, "dominance": [1, 2]}\n',
    }
    rows = read(["train/a.wav", "train/b.wav", "test/c.wav"], texts, dimensions=["calm"])
    assert [(row.key, row.emotion, row.dimensions) for row in rows] == [
        ("test/c", "", {"valence": 4.0}),
        ("train/a", "sad", {"valence": 1.5, "calm": 2.0}),
        ("train/b", "", {"valence": -3.0}),
    ]


def test_folders_of_labels_in_those_of_splits(read, tmp_path):
    rows = read(["data/train/happy/1.wav", "data/validation/sad/2.wav"])
    assert [(row.key, row.emotion, row.part) for row in rows] == [
        ("data/train/happy/1", "happy", "train"),
        ("data/validation/sad/2", "sad", "validation"),
    ]
    assert recognise(tmp_path / "d").reader == "hf_datasets"


def test_folders_of_emotions_are_still_the_folder_readers(tmp_path):
    record(tmp_path / "d/happy/1.wav", 0)
    record(tmp_path / "d/sad/2.wav", 1)
    assert recognise(tmp_path / "d").reader == "folder"


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ({}, "a.wav: lies in no folder of a label in one of a split (as train/happy), and there is no metadata.csv"),
        ({"metadata.csv": "file,emotion\na.wav,sad\n"}, "metadata.csv, line 2: has no 'file_name'"),
        (
            {"metadata.csv": "file_name,label\na.wav,sad\n"},
            "has no 'emotion'; it has file_name, label; `columns: {emotion",
        ),
        ({"metadata.csv": "file_name,emotion\na.wav\n"}, "line 2: has not the 2 columns of the header"),
        ({"metadata.csv": "file_name,emotion\nx.wav,sad\n"}, "metadata.csv, line 2: no such file: "),
        ({"metadata.csv": "file_name,emotion\n../a.wav,sad\n"}, "line 2: path '../a.wav' must name a file below"),
        ({"metadata.csv": "file_name,emotion\na.wav,\n"}, "line 2: has no emotion"),
        ({"metadata.csv": "file_name,valence\na.wav,2\nb.wav,high\n"}, "line 3: no such file: "),
        ({"metadata.csv": "file_name,valence\na.wav,2\na.wav,high\n"}, "line 3: its valence is 'high', which is no"),
        ({"metadata.csv": "file_name,valence\na.wav,2\na.wav,\n"}, "line 3: has no emotion"),
        ({"metadata.csv": "file_name,valence\na.wav,high\n"}, "has no 'emotion'; it has file_name, valence; `colu"),
        ({"metadata.csv": "file_name,emotion,start\na.wav,sad,9\n"}, "the file has 1 s; mend metadata.csv, line 2"),
        (
            {"metadata.csv": "file_name,emotion,start\na.wav,sad,-1\n"},
            "line 2: start must be seconds from the beginning",
        ),
        ({"metadata.jsonl": "{\n"}, "metadata.jsonl, line 1: not JSON"),
        ({"metadata.jsonl": "[]\n"}, "metadata.jsonl, line 1: is no JSON object"),
        ({"metadata.jsonl": '{"file_name": ["a.wav"], "emotion": "sad"}\n'}, "line 1: \"['a.wav']\" should be text"),
        ({"train.parquet": ""}, "train.parquet: has the recordings inside; `ser unpack "),
    ],
)
def test_mistakes_are_named(texts, says, read):
    with pytest.raises(UserError) as caught:
        read(["a.wav"], texts)
    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


# Recordings inside Arrow and Parquet files

FEATURES = {
    "audio": {"sampling_rate": 16000, "_type": "Audio"},
    "label": {"names": ["angry", "happy"], "_type": "ClassLabel"},
    "speaker": {"dtype": "string", "_type": "Value"},
    "vector": {"feature": {"dtype": "float32", "_type": "Value"}, "_type": "List"},
}


def packed_rows(tmp_path, file="wavs/c.wav"):
    """Three rows: a recording with a path, one without, and one that is a file of the folder."""
    rows = []
    for seed, path in enumerate(["/home/ann/../x y.wav", None]):
        record(tmp_path / "r.flac", seed)
        rows.append({"bytes": (tmp_path / "r.flac").read_bytes(), "path": path and path.replace("wav", "flac")})
    record(tmp_path / "packed/wavs/c.wav", 2)
    audio = [*rows, {"bytes": None, "path": file}]
    return {"audio": audio, "label": [0, 1, -1], "speaker": ["1", "2", None], "vector": [[0.5], [], None]}


def save(folder, table):
    """Write a table as `save_to_disk` does."""
    import pyarrow

    folder.mkdir(parents=True, exist_ok=True)
    with pyarrow.ipc.new_stream(str(folder / "data-00000-of-00001.arrow"), table.schema) as stream:
        stream.write_table(table)
    (folder / "dataset_info.json").write_text(json.dumps({"features": FEATURES}))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}))


def unpack(*arguments):
    return CliRunner().invoke(main, ["unpack", *map(str, arguments)])


METADATA = """\
file_name,label,speaker
train/000000-x_y.flac,angry,1
train/000001.flac,happy,2
train/000002-c.wav,,
"""


@pytest.mark.parametrize("saved", [True, False], ids=["arrow", "parquet"])
def test_what_is_packed_is_unpacked_and_read(saved, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table(packed_rows(tmp_path))
    if saved:
        save(tmp_path / "packed/train", table)
    else:
        info = json.dumps({"info": {"features": FEATURES}})
        table = table.replace_schema_metadata({"huggingface": info})
        parquet.write_table(table, tmp_path / "packed/train-00000-of-00001.parquet")
    result = unpack(tmp_path / "packed", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (
        0,
        f"{tmp_path / 'out'}: 3 recordings (3 in train), and metadata.csv\n",
    )
    assert (tmp_path / "out/metadata.csv").read_text() == METADATA
    (tmp_path / "out/metadata.csv").write_text(METADATA.replace("wav,,", "wav,sad,"))
    columns = {"emotion": "label"}
    settings = validate(CorpusParams, {"reader": "hf_datasets", "root": tmp_path / "out", "columns": columns})
    rows = listing.read("mine", settings).rows
    assert [(row.emotion, row.speaker, row.part, row.length) for row in rows] == [
        ("angry", "1", "train", 1.0),
        ("happy", "2", "train", 1.0),
        ("sad", "", "train", 1.0),
    ]


def test_paths_may_be_relative_to_the_file_that_has_them(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    save(tmp_path / "packed/wavs", pyarrow.table(packed_rows(tmp_path, "c.wav")))
    result = unpack(tmp_path / "packed", tmp_path / "out")
    assert (result.exit_code, (tmp_path / "out/wavs/000002-c.wav").is_file()) == (0, True), result.stderr


def test_corpora_says_that_what_is_packed_is_to_be_unpacked(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    save(tmp_path / "packed/train", pyarrow.table({"label": [0]}))
    result = CliRunner().invoke(main, ["corpora", "hf_datasets", str(tmp_path / "packed")])
    assert result.exit_code == 1
    assert "has the recordings inside; `ser unpack " in result.stderr


def test_metadata_may_be_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    for name in "abc":
        record(tmp_path / f"data/train/{name}.wav", ord(name))
    table = {"file_name": ["a.wav", "b.wav", "c.wav"], "emotion": ["sad", "happy", None], "valence": [1.5, None, 2.0]}
    parquet.write_table(pyarrow.table(table), tmp_path / "data/train/metadata.parquet")
    settings = validate(CorpusParams, {"reader": "hf_datasets", "root": tmp_path / "data"})
    rows = listing.read("mine", settings).rows
    assert [(row.emotion, dict(row.dimensions), row.part) for row in rows] == [
        ("sad", {"valence": 1.5}, "train"),
        ("happy", {}, "train"),
        ("", {"valence": 2.0}, "train"),
    ]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("../outside.wav", "row 1: path '../outside.wav' must name a file below the corpus folder"),
        ("link.wav", "row 1: path 'link.wav' is a link out of the corpus folder"),
        ("/etc/passwd", "row 1: path '/etc/passwd' must name a file below"),
        ("gone.wav", "row 1: no such file: "),
        (None, "row 1: has no recording; remove the row"),
    ],
)
def test_a_path_out_of_the_folder_is_refused(path, says, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    record(tmp_path / "outside.wav", 0)
    audio = pyarrow.array([{"bytes": None, "path": path}], pyarrow.struct([("bytes", "binary"), ("path", "string")]))
    save(tmp_path / "packed", pyarrow.table({"audio": audio}))
    (tmp_path / "packed/link.wav").symlink_to(tmp_path / "outside.wav")
    result = unpack(tmp_path / "packed", tmp_path / "out")
    assert result.exit_code == 1
    assert says in result.stderr


def test_what_cannot_be_unpacked_is_named(tmp_path):
    (tmp_path / "d").mkdir()
    assert "has neither state.json, as `save_to_disk` writes it, nor Parquet" in unpack(tmp_path / "d", "out").stderr
    (tmp_path / "d/state.json").write_text('{"_data_files": [{"filename": "../x.arrow"}]}')
    (tmp_path / "d/dataset_info.json").write_text('{"features": {"a": {"_type": "Value"}}}')
    assert "no column is a recording (feature Audio)" in unpack(tmp_path / "d", "out").stderr
    (tmp_path / "d/dataset_info.json").write_text(json.dumps({"features": FEATURES}))
    assert "'../x.arrow' is no file of this folder" in unpack(tmp_path / "d", "out").stderr
    (tmp_path / "d/state.json").write_text('{"_data_files": [{"filename": "x.arrow"}]}')
    assert "and not an empty folder; give a new one" in unpack(tmp_path / "d", tmp_path / "d").stderr
    (tmp_path / "d/x.arrow").write_bytes(b"no arrow")
    pytest.importorskip("pyarrow")
    assert "x.arrow: is no Arrow file that can be read" in unpack(tmp_path / "d", tmp_path / "out").stderr
