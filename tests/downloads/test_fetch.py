"""`ser fetch` on a host that is good: what is downloaded, shown, confirmed, unpacked and left."""

import hashlib
from pathlib import Path

import pytest
from downloads.host import RECORDINGS, packed, tarred
from in_process import ser

from pipeline.corpora import find_reader
from pipeline.downloads import catalogue

pytest_plugins = ("downloads.fixtures",)  # its fixtures: host, toy

FOLDER = Path("recordings/toy")


def fetch(*arguments, code=0):
    result = ser("fetch", "toy", *arguments)
    assert result.exit_code == code, result.output
    return result


def unpacked(folder=FOLDER):
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_corpus_is_downloaded_checked_and_unpacked(toy, host):
    result = fetch("--yes")
    assert unpacked() == RECORDINGS
    assert [path.name for path in FOLDER.parent.iterdir()] == ["toy"]
    assert "licence: CC BY 4.0" in result.stdout
    assert f"MD5 of the archive, as published: {hashlib.md5(host.data).hexdigest()}" in result.stdout
    assert "6 files, 6 of them audio" in result.stdout
    assert result.stdout.splitlines()[-1] == "next: ser init --corpus toy=recordings/toy"


def test_a_corpus_that_is_there_is_not_downloaded_again(toy, host):
    fetch("--yes")
    before = (FOLDER / ".fetched.json").read_bytes()
    assert "there already: recordings/toy, 6 files" in fetch().stdout
    assert len(host.ranges) == 1
    assert (FOLDER / ".fetched.json").read_bytes() == before


def test_a_corpus_of_which_files_are_gone_is_an_error(toy):
    fetch("--yes")
    (FOLDER / "Actor_01/a.wav").unlink()
    assert "has 5 files, and 6 were fetched; delete the folder" in fetch("--yes", code=1).stderr


def test_files_of_the_users_own_beside_the_corpuss_are_no_error(toy):
    fetch("--yes")
    (FOLDER / "Actor_01/a.flac").touch()
    assert "there already: recordings/toy, 6 files, 7 of them audio" in fetch().stdout


def test_films_alone_need_words_on_what_to_do_with_them(toy, host):
    host.data = packed({"a.mp4": b"film"})
    toy()
    assert "has no recordings; nothing of it is kept; see https://example.org/toy" in fetch("--yes", code=1).stderr
    toy(afterwards=["Take the sound out."])
    assert "1 files, 0 of them audio\n" in fetch("--yes").stdout


def test_the_same_archive_makes_the_same_folder(toy):
    fetch("--yes", "--to", "one")
    fetch("--yes", "--to", "two")
    assert unpacked(Path("one")) == unpacked(Path("two"))
    assert Path("one/.fetched.json").read_bytes() == Path("two/.fetched.json").read_bytes()


def test_the_archive_is_left_on_request_and_taken_from_there(toy, host):
    fetch("--yes", "--keep-archive")
    assert Path("recordings/toy.zip").read_bytes() == host.data
    FOLDER.rename("elsewhere")
    fetch("--yes")
    assert unpacked() == RECORDINGS
    assert len(host.ranges) == 1
    assert Path("recordings/toy.zip").exists()  # it was the user's


def test_an_archive_that_is_there_and_another_file_is_left_alone(toy):
    FOLDER.parent.mkdir()
    Path("recordings/toy.zip").write_bytes(packed({"x.wav": b"other"}))
    assert "and run again to download it" in fetch("--yes", code=1).stderr
    assert Path("recordings/toy.zip").exists()


def test_without_a_published_digest_its_own_is_shown(toy, host):
    toy(archive={})
    digest = hashlib.sha256(host.data).hexdigest()
    assert f"SHA-256 of the archive, which none is published for: {digest}" in fetch("--yes").stdout


def test_a_mirror_takes_the_hosts_place(toy, host):
    address = host.address
    host.address = "http://127.0.0.1:9/nowhere.zip"
    toy()
    fetch("--yes", "--from", address)
    assert unpacked() == RECORDINGS


@pytest.mark.parametrize("mode", ["w:gz", "w:xz", "w"])
def test_tars_are_unpacked_too(toy, host, mode):
    host.data = tarred(mode=mode)
    toy()
    fetch("--yes")
    assert unpacked() == RECORDINGS


def test_inner_archives_are_unpacked_where_they_lie(toy, host):
    host.data = tarred({"Toy/train.tar.gz": tarred(), "Toy/labels.csv": b"a,b\n"})
    toy(inner=["Toy/train.tar.gz"], afterwards=["Look at it."])
    assert "  Look at it.\n" in fetch("--yes").stdout
    assert unpacked() == {"Toy/labels.csv": b"a,b\n", **{f"Toy/{name}": data for name, data in RECORDINGS.items()}}


def test_an_empty_folder_is_filled(toy):
    FOLDER.mkdir(parents=True)
    fetch("--yes")
    assert unpacked() == RECORDINGS


def test_the_licence_is_accepted_by_its_name(toy):
    fetch("--accept-licence", "cc by 4.0")
    assert unpacked() == RECORDINGS


def test_without_a_terminal_and_an_option_the_error_says_the_option(toy, host):
    assert "add --yes, or --accept-licence 'CC BY 4.0'" in fetch(code=2).stderr
    assert host.ranges == []


@pytest.mark.parametrize(("answer", "code"), [("yes", 0), ("y", 1), ("", 1)])
def test_the_licence_is_accepted_by_typing_yes(toy, host, monkeypatch, answer, code):
    monkeypatch.setattr("pipeline.commands.fetch._is_asked", lambda: True)
    monkeypatch.setattr("click.prompt", lambda *arguments, **options: answer)
    fetch(code=code)
    assert len(host.ranges) == (not code)


def test_a_folder_of_something_else_is_left_alone(toy, host):
    FOLDER.mkdir(parents=True)
    (FOLDER / "thesis.txt").write_text("mine")
    assert "choose another with --to" in fetch("--yes", code=1).stderr
    assert host.ranges == []


def test_the_working_folder_is_no_corpus_folder(toy):
    assert "is the working folder" in fetch("--yes", "--to", ".", code=1).stderr


def test_a_full_disk_is_said_before_anything_is_downloaded(toy, host, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    assert "GB are needed; make room" in fetch("--yes", code=1).stderr
    assert host.ranges == []


def test_every_entry_of_the_catalogue_is_whole():
    names = catalogue.names()
    entries = {name: catalogue.load(name) for name in names}
    assert {"ravdess", "emodb", "tess", "crema_d", "subesco", "iemocap", "msp_podcast"} <= set(names)
    assert all(entry.archive is None or entry.archive.address.startswith("https://") for entry in entries.values())
    assert all("FOLDER" in "".join(entry.steps) for entry in entries.values() if entry.archive is None)


def test_the_licence_is_that_of_the_reader_where_there_is_one():
    entries = [entry for name in catalogue.names() if (entry := catalogue.load(name)).reader]
    assert len(entries) > 10
    assert [entry.licence for entry in entries] == [find_reader(entry.reader).licence for entry in entries]


def test_the_list_has_every_corpus_and_its_licence():
    lines = ser("fetch").stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == catalogue.names()
    assert any(line.startswith("ravdess ") and "208 MB" in line and "CC BY-NC-SA 4.0" in line for line in lines)


def test_a_corpus_on_request_has_steps_and_is_not_fetched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = ser("fetch", "iemocap", "--to", "here it is")
    assert result.exit_code == 1
    assert "3. Unpack it into 'here it is', so that" in result.stdout
    assert result.stderr == "error: iemocap: not fetched, as it is given on request; the steps above lead to it\n"
    assert list(tmp_path.iterdir()) == []
