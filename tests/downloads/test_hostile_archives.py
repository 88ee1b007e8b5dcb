"""Hostile and damaged archives through `ser fetch`: one line, and nothing is left or written elsewhere."""

import zipfile
from pathlib import Path

import pytest
from downloads.host import tarred
from downloads.hostile import HOSTILE, LATIN, zipped
from in_process import ser

pytest_plugins = ("downloads.fixtures",)  # its fixtures: host, toy


def fetch():
    Path("recordings/toy.zip.part").parent.mkdir(exist_ok=True)
    return ser("fetch", "toy", "--yes")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_one_line(toy, tmp_path, name):
    data, says = HOSTILE[name]
    toy(archive={})
    archive = Path("recordings/toy.zip")
    archive.parent.mkdir()
    archive.write_bytes(data)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    result = fetch()
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: toy.zip: ")
    assert says in line
    assert line.isprintable()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before
    assert sorted(Path("recordings").iterdir()) == [archive]


def test_an_inner_archive_cannot_write_over_what_is_there(toy, host):
    host.data = tarred({"T/in.tar": tarred({"a.wav": b"2"}, "w"), "T/a.wav": b"1"}, "w")
    toy(archive={}, inner=["T/in.tar"])
    result = fetch()
    assert "in.tar: 'a.wav' is in it twice" in result.stderr.replace("T/a.wav", "a.wav")
    assert list(Path("recordings").iterdir()) == []


def test_an_inner_archive_that_is_not_there_is_one_line(toy, host):
    toy(inner=["T/in.tar"])
    assert "T/in.tar: is not in the archive" in fetch().stderr


def test_more_than_the_corpus_can_have_is_not_unpacked(toy, host):
    toy(largest_unpacked=10_000)
    assert "more than 10000 bytes come out of it" in fetch().stderr
    assert not Path("recordings/toy").exists()


def test_names_beyond_ascii_and_folders_of_their_own_are_unpacked(toy, host):
    folder = zipfile.ZipInfo("Übung/")
    host.data = zipped(folder, LATIN, "Übung/sub/x.wav")
    toy()
    assert fetch().exit_code == 0
    files = [path.relative_to("recordings/toy").as_posix() for path in Path("recordings/toy").rglob("*.wav")]
    assert sorted(files) == sorted([LATIN, "Übung/sub/x.wav"])
