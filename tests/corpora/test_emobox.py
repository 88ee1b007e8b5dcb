"""Corpora by EmoBox's metadata: lists, label maps, what file names say beside them, segments; and what is wrong."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import soundfile

from pipeline.corpora import listing, manifest
from pipeline.corpora.base import CorpusParams
from pipeline.errors import UserError
from pipeline.strict import validate

LIST = "data/mine/mine.jsonl"


def line(key="mine-a", wav="downloads/mine/a.wav", emo="happy", **more):
    """A line as EmoBox writes it."""
    row = {"key": key, "dataset": "mine", "wav": wav, "type": "raw", "sample_rate": 16000, "length": 1.0, "emo": emo}
    return json.dumps({**row, "task": "category", "channel": 1, **more})


@pytest.fixture
def read(tmp_path):
    """Read a list of these lines, with these recordings: its rows."""

    def read(*lines, wavs=("downloads/mine/a.wav", "downloads/mine/b.wav"), path=LIST, **params):
        for seed, name in enumerate(wavs):
            (tmp_path / "e" / name).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(tmp_path / "e" / name, np.random.default_rng(seed).uniform(-0.3, 0.3, 16000), 16000)
        (tmp_path / "e" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "e" / path).write_text("\n".join([*lines, ""]))
        settings = validate(CorpusParams, {"reader": "emobox", "root": tmp_path / "e", "table": path, **params})
        return listing.read("mine", settings).rows

    return read


def test_a_list_with_a_label_map(read, tmp_path):
    (tmp_path / "e/data/mine").mkdir(parents=True)
    (tmp_path / "e/data/mine/label_map.json").write_text('{"boredem": "Boredom", "happy": "Neutral"}')
    rows = read(line(), line("mine-b", "downloads/mine/b.wav", "boredem", speaker="s1", part="valid"))
    told = [(row.key, row.emotion, row.raw_emotion, row.speaker, row.part) for row in rows]
    assert told == [("mine-a", "happy", "happy", "", ""), ("mine-b", "bored", "Boredom", "s1", "validation")]


def test_what_file_names_of_a_known_corpus_say(read):
    wav = "downloads/emodb/wav/03a01Wa.wav"
    row = read(line("emodb-03a01Wa", wav, "anger", dataset="emodb"), wavs=[wav])[0]
    assert (row.emotion, row.speaker, row.gender, row.language) == ("angry", "03", "male", "de")


def test_numbers_and_votes(read):
    rows = read(
        line(dimensions={"valence": 1.5, "engagement": 2, "other": 3, "arousal": None}, votes={"sad": 1, "happy": 3}),
        line("mine-b", "downloads/mine/b.wav", "", dimensions={"valence": -1}),
        dimensions=["engagement"],
    )
    assert [(row.emotion, dict(row.dimensions), dict(row.votes)) for row in rows] == [
        ("happy", {"valence": 1.5, "engagement": 2.0}, {"sad": 0.25, "happy": 0.75}),
        ("", {"valence": -1.0}, {}),
    ]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"dimensions": [1]}, "'dimensions' should map names to numbers"),
        ({"dimensions": {"valence": "high"}}, "'dimensions' should map names to numbers"),
        ({"votes": {"sad": -1}}, "votes are not below 0"),
        ({"votes": {"sad": 0}}, "its votes are all 0"),
        ({"votes": {"sadd": 1}}, "unknown emotion code 'sadd'"),
        ({"dimensions": {"valence": float("nan")}}, "its valence is 'nan'"),
        ({"emo": ""}, "'emo' should be text"),
    ],
)
def test_wrong_numbers_are_named(read, more, says):
    with pytest.raises(UserError, match=r"mine\.jsonl, line 1: not a line of EmoBox's") as caught:
        read(line(**more))
    assert says in str(caught.value)


def test_segments_of_one_file(read):
    rows = read(line("one", start=0, end=0.5), line("two", start=0.5))
    assert [(row.key, row.start, row.end, row.length) for row in rows] == [
        ("one", 0, 0.5, 0.5),
        ("two", 0.5, None, 0.5),
    ]


def test_a_manifest_is_such_a_list(read, tmp_path):
    rows = read(line("one", start=0, end=0.5), line("two", "downloads/mine/b.wav", speaker="s", session="2"))
    manifest.write(tmp_path / "e/list.jsonl", rows)
    text = (tmp_path / "e/list.jsonl").read_text().splitlines()
    assert [asdict(row) for row in read(*text, path="list.jsonl", table="")] == [asdict(row) for row in rows]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["{"], "mine.jsonl, line 1: not a line of EmoBox's"),
        ([line(), "[]"], "line 2: not a line of EmoBox's (it is no JSON object)"),
        ([line(emo=0.5)], "line 1: not a line of EmoBox's ('emo' should be text)"),
        ([line(task="valence")], "its task is 'valence', and emotions are 'category'"),
        ([line(key="a\x00")], "'key' holds a control character"),
        ([line(wav="../out.wav")], "line 1: path '../out.wav' must name a file below"),
        ([line(wav="a.wav")], "paths are relative to the corpus's `root`"),
        ([line(start=2, end=1)], "end must be after start; it is 1, and start is 2"),
        ([line(start="1")], "'start' should be a number of seconds"),
        ([line(start=0.5, end=3)], "the file has 1 s; mend data/mine/mine.jsonl, line 1"),
        ([line(emo="xyz")], "unknown emotion code 'xyz'"),
    ],
)
def test_mistakes_are_named(lines, says, read):
    with pytest.raises(UserError) as caught:
        read(*lines)
    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_list_must_be_named_where_there_is_not_one(read):
    with pytest.raises(UserError, match=r"has no list \(\.jsonl\); name one as the corpus's `table`, as data/casia"):
        read(line(), table="")
