"""How a corpus folder is walked: links, pipes, and patterns that would never end."""

import os

import pytest
import soundfile
from conftest import tone
from corpus_reading import build

from pipeline.corpora import speaker_pattern
from pipeline.errors import UserError

__all__ = ["build"]


@pytest.mark.parametrize("target", [".", "sad", "..", "/"])
def test_a_link_to_a_folder_that_holds_it(build, tmp_path, target):
    build("folder", "sad/anna/1.wav")
    link = tmp_path / "corpus/sad/anna/again"
    link.symlink_to(tmp_path / "corpus" / target)
    with pytest.raises(UserError) as caught:
        build("folder")
    assert str(caught.value).startswith(f"{link}: is a link to ")
    assert str(caught.value).endswith(", a folder that holds the link; remove the link")


def test_links_to_each_other_are_read_once(build, tmp_path):
    build("folder", "sad/1.wav", "happy/2.wav")
    (tmp_path / "corpus/sad/x").symlink_to(tmp_path / "corpus/happy")
    (tmp_path / "corpus/happy/y").symlink_to(tmp_path / "corpus/sad")
    (tmp_path / "corpus/happy/z").symlink_to("z")
    assert list(build("folder")) == ["happy/2.wav", "sad/1.wav"]


def test_links_to_other_folders_are_followed_and_each_folder_is_read_once(build, tmp_path):
    (tmp_path / "elsewhere/anna").mkdir(parents=True)
    soundfile.write(tmp_path / "elsewhere/anna/1.wav", tone(0.1), 16000)
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/sad").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "corpus/angry").symlink_to(tmp_path / "elsewhere")
    assert list(build("folder", "happy/2.wav")) == ["angry/anna/1.wav", "happy/2.wav"]


def test_many_ways_to_one_folder(build, tmp_path):
    build("folder", "sad/1.wav")
    folder = tmp_path / "corpus/sad"
    for level in range(13):
        below = tmp_path / f"elsewhere/{level}"
        below.mkdir(parents=True)
        for name in "abc":
            (folder / name).symlink_to(below)
        folder = below
    soundfile.write(folder / "2.wav", tone(0.1), 16000)
    assert list(build("folder")) == ["sad/1.wav", f"sad/{'a/' * 13}2.wav"]


def test_a_pipe_named_as_a_recording_is_refused(build, tmp_path):
    build("folder", "sad/1.wav")
    os.mkfifo(tmp_path / "corpus/sad/2.wav")
    with pytest.raises(UserError, match=r"2\.wav: is no regular file, so not a recording; remove it"):
        build("folder")


@pytest.mark.parametrize("pattern", ["(a+)+$", "((?:a|aa)+)+$"])
def test_a_speaker_pattern_that_tries_all_ways_ends(build, monkeypatch, pattern):
    monkeypatch.setattr(speaker_pattern, "SECONDS", 0.5)
    with pytest.raises(UserError, match=r"speaker_pattern .* is not matched with 1 paths in "):
        build("folder", f"sad/{'a' * 50}!.wav", speaker_pattern=pattern)


# Emotion codes
