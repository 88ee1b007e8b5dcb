"""A checkpoint's files are not read again while they are as they were, and always when they may not be."""

import json
import os
import shutil
import types

import pytest

from pipeline.features.ssl import known_files as module
from pipeline.features.ssl.known_files import KnownFiles, known_files


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """The clock is an hour ahead, so that files written just now have been there for long."""
    ahead = [3600 * 10**9]
    there = module.time.time_ns
    monkeypatch.setattr(module.time, "time_ns", lambda: there() + ahead[0])
    return ahead


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(b"weights")
    (made / "README.md").write_text("not loaded")
    return made


@pytest.fixture
def reads(monkeypatch):
    """The folders read so far."""
    read, there = [], module.files_digest
    monkeypatch.setattr(module, "files_digest", lambda folder, model: read.append(folder) or there(folder, model))
    return read


@pytest.fixture
def note(tmp_path):
    return tmp_path / "note"


def noted(note, files):
    note.write_text(json.dumps({"files": files if isinstance(files, dict) else files.note()}))


@pytest.mark.skipif(os.name == "nt", reason="files are always read")
def test_files_as_they_were_are_not_read_again(folder, note, reads):
    first = known_files(folder, "m", note)
    noted(note, first)
    (folder / "README.md").write_text("other words")
    assert known_files(folder, "m", note) == first
    assert reads == [folder]


def test_files_that_have_just_changed_are_read_the_next_time(folder, note, reads, clock):
    """Another change might be in the same tick of the file system's clock."""
    clock[0] = 0
    first = known_files(folder, "m", note)
    assert first.marks == ()
    noted(note, first)
    clock[0] = 3600 * 10**9
    assert known_files(folder, "m", note).digest == first.digest
    assert len(reads) == 2


def test_other_weights_are_seen_whatever_the_file_system_says(folder, note, monkeypatch):
    """FAT has no times of entries, and copies may keep others."""
    same = types.SimpleNamespace(st_size=7, st_mtime_ns=1, st_ctime_ns=1, st_ino=1, st_dev=1)
    monkeypatch.setattr(module.os, "fstat", lambda _: same)
    first = known_files(folder, "m", note)
    noted(note, first)
    (folder / "model.safetensors").write_bytes(b"WEIGHTS")
    assert known_files(folder, "m", note).digest != first.digest


def test_other_bytes_of_the_same_size_and_time_are_seen(folder, note):
    first = known_files(folder, "m", note)
    noted(note, first)
    weights = folder / "model.safetensors"
    status = weights.stat()
    weights.write_bytes(b"WEIGHTS")
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert known_files(folder, "m", note).digest != first.digest


@pytest.mark.parametrize("change", ["more", "fewer", "replaced"])
def test_other_files_are_seen(folder, note, change):
    first = known_files(folder, "m", note)
    noted(note, first)
    if change == "more":
        (folder / "model-2.safetensors").write_bytes(b"")
    elif change == "fewer":
        (folder / "config.json").unlink()
    else:
        (folder / "new").write_bytes(b"WEIGHTS")
        (folder / "new").replace(folder / "model.safetensors")
    assert known_files(folder, "m", note).digest != first.digest


def test_the_same_bytes_elsewhere_are_read_and_the_same(folder, note, reads, tmp_path):
    first = known_files(folder, "m", note)
    noted(note, first)
    there = shutil.copytree(folder, tmp_path / "there")
    assert known_files(there, "m", note).digest == first.digest
    assert reads == [folder, there]


@pytest.mark.parametrize("change", [5, {}, {"marks": 5}, {"marks": [5]}, {"marks": [["a"]]}, {"marks": [[None] * 6]}])
def test_a_damaged_note_is_none(folder, note, reads, change):
    first = known_files(folder, "m", note)
    noted(note, first.note() | change if isinstance(change, dict) and change else {"more": change})
    assert known_files(folder, "m", note) == first
    assert len(reads) == 2


def test_files_that_change_while_they_are_read_are_read_the_next_time(folder, note, monkeypatch):
    read = module.files_digest

    def slow(folder, model):
        digest = read(folder, model)
        (folder / "config.json").write_text("[]")
        return digest

    with monkeypatch.context() as patch:
        patch.setattr(module, "files_digest", slow)
        first = known_files(folder, "m", note)
    assert first.marks == ()
    noted(note, first)
    assert known_files(folder, "m", note).digest != first.digest


def test_where_times_prove_nothing_files_are_read(folder, note, reads, monkeypatch):
    monkeypatch.setattr(module, "_marks", lambda *_: ())
    first = known_files(folder, "m", note)
    noted(note, KnownFiles("0" * 64))
    assert known_files(folder, "m", note) == first
    assert len(reads) == 2
