"""`ser extract` with recordings that cannot be used: all are named before any work, or left out."""

import json

import pytest
from in_process import ser
from recorded import record

from pipeline.corpora import manifest
from pipeline.corpora.manifest import Row
from pipeline.storage.feature_file import FeatureFile

MFCC = ("extract", "mfcc", "--set", "n_mfcc=5", "--set", "n_mels=10", "--set", "n_fft=256", "--set", "hop_length=80")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with r/000.wav to r/004.wav, of which 001 and 003 cannot be used."""
    monkeypatch.chdir(tmp_path)
    record(tmp_path / "r", 5)
    (tmp_path / "r/001.wav").write_bytes(b"")
    (tmp_path / "r/003.wav").write_bytes(b"no sound " * 100)
    return tmp_path


def extract(*arguments):
    return ser(*MFCC, *arguments, "r", "--out", "out.h5")


def test_all_bad_recordings_are_in_one_error(folder):
    done = extract()
    first, second, last = done.stderr.splitlines()
    assert (done.exit_code, done.stdout) == (1, "")
    assert first.startswith("error: r/001.wav: is empty")
    assert second.startswith("error: r/003.wav: cannot be read as audio")
    assert last == "error: 2 recordings cannot be used; mend or remove the files, or leave them out: --skip-bad"
    assert [path.name for path in folder.iterdir()] == ["r"]


def test_one_bad_recording_is_one_line(folder):
    (folder / "r/001.wav").unlink()
    (line,) = extract().stderr.splitlines()
    assert line.startswith("error: r/003.wav: cannot be read as audio")
    assert line.endswith("; mend or remove the file, or leave it out: --skip-bad")


def test_bad_recordings_are_left_out_and_said(folder):
    done = extract("--skip-bad")
    assert (done.exit_code, done.stdout) == (3, "out.h5: computed 3, reused 0\n")
    first, second, last = done.stderr.splitlines()
    assert first.startswith("warning: r/001.wav: is empty")
    assert second.startswith("warning: r/003.wav: cannot be read as audio")
    assert last == "warning: left out: 2 recordings"
    assert FeatureFile("out.h5").keys == ["000", "002", "004"]
    assert sorted(path.name for path in folder.iterdir()) == ["out.h5", "r"]


def test_the_file_is_as_if_they_had_not_been_there(folder):
    extract("--skip-bad")
    skipped = (folder / "out.h5").read_bytes()
    (folder / "out.h5").unlink()
    for name in ("001", "003"):
        (folder / f"r/{name}.wav").unlink()
    done = extract("--skip-bad")
    assert (done.exit_code, done.stderr) == (0, "")
    assert (folder / "out.h5").read_bytes() == skipped


def test_nothing_left_is_an_error(folder):
    for path in (folder / "r").iterdir():
        path.write_bytes(b"")
    done = extract("--skip-bad")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1] == "error: 5 recordings cannot be used; mend or remove the files"


def test_files_that_are_not_read_are_said(folder):
    (folder / "r/deep").mkdir()
    (folder / "r/deep/x.m4a").write_bytes(b"")
    lines = extract("--skip-bad").stderr.splitlines()
    assert lines[0] == "warning: r: left out: 1 .m4a, not read; convert what are recordings, as with ffmpeg"


def test_all_files_that_a_manifest_misses_are_named(folder):
    row = {"dataset": "d", "speaker": "s", "gender": "", "language": "", "emo": "sad", "raw_emo": "sad", "text": "",
           "session": "", "length": 0.02, "sample_rate": 16000, "channel": 1, "sha256": ""}  # fmt: skip
    rows = [{"key": str(n), "wav": f"{n:03d}.wav", **row} for n in (0, 7, 2, 8)]
    (folder / "r/list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = ser(*MFCC, "r/list.jsonl", "--out", "out.h5")
    assert done.stderr.splitlines() == [
        "error: r/list.jsonl: 007.wav is not in r; restore it, or take its row out",
        "error: r/list.jsonl: 008.wav is not in r; restore it, or take its row out",
        "error: 2 recordings cannot be used; mend or remove the files, or leave them out: --skip-bad",
    ]


def test_files_that_a_manifest_misses_are_left_out(folder):
    rows = [
        Row(str(n), "d", f"{n:03d}.wav", "s", "", "", "sad", "sad", "", "", 0.02, 16000, 1, "") for n in (7, 0, 1, 2)
    ]
    manifest.write(folder / "r/list.jsonl", rows)
    done = ser(*MFCC, "r/list.jsonl", "--out", "out.h5", "--skip-bad")
    assert (done.exit_code, done.stdout) == (3, "out.h5: computed 2, reused 0\n")
    first, second, last = done.stderr.splitlines()
    assert first == "warning: r/list.jsonl: 007.wav is not in r; restore it, or take its row out"
    assert second.startswith("warning: r/001.wav: is empty")
    assert last == "warning: left out: 2 recordings"
    assert FeatureFile("out.h5").keys == ["0", "2"]
