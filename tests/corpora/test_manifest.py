import hashlib
import json
import os
from pathlib import Path

import pytest
import soundfile
from conftest import tone

from pipeline.corpora import listing, manifest
from pipeline.corpora.base import CorpusParams
from pipeline.corpora.manifest import Row
from pipeline.errors import UserError

# fmt: off
FIELDS = [
    "key", "dataset", "wav", "speaker", "gender", "language", "emo", "raw_emo", "text", "session", "length",
    "sample_rate", "channel", "sha256",
]
# fmt: on


def build(root, **params):
    return listing.read("mine", CorpusParams(reader="folder", root=root, **params)).rows


@pytest.fixture
def corpus(tmp_path):
    """Three recordings: sad/b, sad/c and happy/a."""
    root = tmp_path / "corpus"
    for name, seconds, rate in (("sad/c.wav", 0.3, 16000), ("sad/b.flac", 0.2, 44100), ("happy/a.wav", 0.1, 8000)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, tone(seconds, rate=rate), rate)
    return root


def test_a_row_says_what_the_file_is(corpus):
    soundfile.write(corpus / "sad/c.wav", [[0.1, 0.2]] * 4410, 44100)
    row = {row.key: row for row in build(corpus, language="de", speaker_pattern="/(.)")}["sad/c"]
    assert manifest.as_json(row) == {
        "key": "sad/c",
        "dataset": "mine",
        "wav": "sad/c.wav",
        "speaker": "c",
        "gender": "",
        "language": "de",
        "emo": "sad",
        "raw_emo": "sad",
        "text": "",
        "session": "",
        "length": 0.1,
        "sample_rate": 44100,
        "channel": 2,
        "sha256": hashlib.sha256((corpus / "sad/c.wav").read_bytes()).hexdigest(),
    }


def test_the_file_is_json_lines_of_the_documented_fields(corpus, tmp_path):
    manifest.write(tmp_path / "m.jsonl", build(corpus))
    lines = (tmp_path / "m.jsonl").read_text(encoding="utf-8").splitlines()
    assert [list(json.loads(line)) for line in lines] == [FIELDS] * 3


def test_rows_are_sorted_by_key_and_come_back_as_written(corpus, tmp_path):
    soundfile.write(corpus / "sad/b-2.wav", tone(), 16000)  # before sad/b.flac, but its key is after sad/b
    rows = build(corpus)
    assert [row.key for row in rows] == ["happy/a", "sad/b", "sad/b-2", "sad/c"]
    manifest.write(tmp_path / "new/folder/m.jsonl", rows)
    assert manifest.read(tmp_path / "new/folder/m.jsonl") == rows


def test_the_same_corpus_gives_the_same_bytes(corpus, tmp_path):
    for name in ("one", "two"):
        manifest.write(tmp_path / name, build(corpus))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_counts(corpus):
    assert listing.counts(build(corpus, speaker_pattern="^(happy|sad)")) == {
        "utterances": 3,
        "speakers": 2,
        "seconds": 0.6,
        "by_emotion": {"happy": 1, "sad": 2},
        "by_speaker": {"happy": 1, "sad": 2},
    }
    assert listing.counts(build(corpus))["by_speaker"] == {"unknown": 3}


def test_two_files_with_one_key(corpus):
    soundfile.write(corpus / "sad/b.wav", tone(0.2), 16000)
    with pytest.raises(UserError, match=r"sad/b\.flac and sad/b\.wav have the same key 'sad/b', and differ; rename"):
        build(corpus)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize(
    ("data", "message"), [(b"", "is empty"), (b"this is no sound " * 100, "cannot be read as audio")]
)
def test_unreadable_recordings(corpus, suffix, data, message):
    path = corpus / f"sad/bad.{suffix}"
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        build(corpus)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert len(str(caught.value).splitlines()) == 1


def test_a_recording_without_samples(corpus):
    soundfile.write(corpus / "sad/bad.wav", [], 16000)
    assert (corpus / "sad/bad.wav").stat().st_size
    with pytest.raises(UserError, match=r"sad/bad\.wav: holds no audio samples"):
        build(corpus)


def test_a_broken_link(corpus):
    (corpus / "sad/gone.wav").symlink_to(corpus / "nowhere.wav")
    with pytest.raises(UserError, match=r"sad/gone\.wav: cannot be read as audio"):
        build(corpus)


def test_folders_that_are_no_corpus(tmp_path):
    (tmp_path / "empty/sad").mkdir(parents=True)
    (tmp_path / "empty/sad/notes.txt").write_text("no audio")
    for name, message in (
        ("missing", "does not exist"),
        ("empty", "has no audio file"),
        ("empty/sad/notes.txt", "is not a folder"),
    ):
        with pytest.raises(UserError) as caught:
            build(tmp_path / name)
        assert f"folder {str(tmp_path / name)!r} {message}" in str(caught.value)


@pytest.mark.parametrize("damage", ["{", "", "null", "[]", "3", '{"key": "a"}', '{"key"'])
def test_a_damaged_line_is_named(corpus, tmp_path, damage):
    path = tmp_path / "m.jsonl"
    manifest.write(path, build(corpus))
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0], damage, lines[2]]) + "\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        manifest.read(path)
    assert str(caught.value).startswith(f"{path}, line 2: not a manifest row")


def test_a_manifest_cut_short(corpus, tmp_path):
    path = tmp_path / "m.jsonl"
    manifest.write(path, build(corpus))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"m\.jsonl, line 3: not a manifest row"):
        manifest.read(path)


def test_a_manifest_that_is_no_text(tmp_path):
    (tmp_path / "m.jsonl").write_bytes(b"\x89HDF\xff\xfe")
    with pytest.raises(UserError, match=r"m\.jsonl: not UTF-8 text"):
        manifest.read(tmp_path / "m.jsonl")


def test_a_missing_manifest(tmp_path):
    with pytest.raises(UserError, match=r"m\.jsonl: no such manifest; `dvc repro` makes it"):
        manifest.read(tmp_path / "m.jsonl")


def test_further_fields_are_ignored(corpus, tmp_path):
    rows = build(corpus)
    lines = [json.dumps({**manifest.as_json(row), "type": "raw", "num_frame": 1.0}) for row in rows]
    (tmp_path / "m.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert manifest.read(tmp_path / "m.jsonl") == rows


def test_recordings_of_other_emotions_can_be_left_out(project):
    project.edit("root: recordings,", "root: recordings, keep: [sad, angry],")
    done = project.run("stages.manifest", "mine")
    assert done.returncode == 0, done.stderr
    assert "  3 recordings of other emotions left out, as `keep` says" in done.stdout
    assert {row.emotion for row in manifest.read(Path("data/manifests/mine.jsonl"))} == {"angry", "sad"}


def test_an_emotion_kept_must_be_there(project):
    project.edit("root: recordings,", "root: recordings, keep: [bored],")
    done = project.run("stages.manifest", "mine")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: recordings: no recording is 'bored'; take it out of the corpus's `keep`\n"


def read_with(path, **changes):
    """Write a manifest of two rows, the second with changed values, and read it."""
    row = Row("a", "mine", "a.wav", "", "", "", "sad", "sad", "", "", 1.0, 16000, 1, "")
    lines = [json.dumps(manifest.as_json(row)), json.dumps({**manifest.as_json(row), "key": "b", **changes})]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest.read(path)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"wav": None}, "'wav' must be text; it is null"),
        ({"wav": ["a.wav"]}, "'wav' must be text; it is ["),
        ({"wav": ""}, "'wav' must be text; it is \"\""),
        ({"key": 3}, "'key' must be text; it is 3"),
        ({"emo": "\ud800"}, "'utf-8' codec can't encode"),
        ({"length": "1.0"}, "'length' must be a number; it is \"1.0\""),
        ({"length": True}, "'length' must be a number; it is true"),
        ({"length": float("nan")}, "'length' is nan"),
        ({"sample_rate": 16000.5}, "'sample_rate' must be a whole number; it is 16000.5"),
        ({"channel": None}, "'channel' must be a whole number; it is null"),
    ],
)
def test_values_of_another_type(tmp_path, changes, says):
    with pytest.raises(UserError) as caught:
        read_with(tmp_path / "m.jsonl", **changes)
    assert str(caught.value).startswith(f"{tmp_path / 'm.jsonl'}, line 2: not a manifest row ({says}")


def test_a_length_may_be_a_whole_number(tmp_path):
    assert [row.length for row in read_with(tmp_path / "m.jsonl", length=2)] == [1.0, 2]


def test_a_key_that_stands_twice(tmp_path):
    with pytest.raises(UserError, match=r"m\.jsonl, line 2: has the key of line 1, 'a'; take one out$"):
        read_with(tmp_path / "m.jsonl", key="a")


def test_a_name_that_stands_twice_in_a_line(tmp_path):
    (tmp_path / "m.jsonl").write_text('{"key": "a", "key": "b"}\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"m\.jsonl, line 1: not a manifest row \('key' stands twice\)$"):
        manifest.read(tmp_path / "m.jsonl")


@pytest.mark.parametrize("text", ["[" * 100000, "9" * 5000])
def test_a_line_that_json_gives_up_on(tmp_path, text):
    (tmp_path / "m.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"m\.jsonl, line 1: not a manifest row"):
        manifest.read(tmp_path / "m.jsonl")


def test_a_pipe_is_neither_manifest_nor_recording(corpus, tmp_path):
    os.mkfifo(tmp_path / "m.jsonl")
    with pytest.raises(UserError, match=r"m\.jsonl: is no regular file"):
        manifest.read(tmp_path / "m.jsonl")
    os.mkfifo(corpus / "sad/pipe.wav")
    with pytest.raises(UserError, match=r"pipe\.wav: is no regular file"):
        build(corpus)


def test_the_length_of_a_flac_that_does_not_say_it(corpus):
    path = corpus / "sad/b.flac"
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert soundfile.info(str(path)).frames == 2**63 - 1
    assert {row.key: row.length for row in build(corpus)}["sad/b"] == 0.2
    data[21] |= 0x0F
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"sad/b\.flac: "):
        build(corpus)
