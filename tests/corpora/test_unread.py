"""Which files of a corpus folder are counted as sound or film that is not read."""

import pytest

from pipeline.audio.suffixes import AUDIO_SUFFIXES
from pipeline.corpora.unread import unread_suffixes

LEFT_OUT = [
    *(".weba", ".raw", ".pcm", ".mp1", ".dsf", ".m4p", ".vox", ".paf", ".sf", ".ircam", ".adpcm", ".m4a"),
    *(".wav.gz", ".mp3.part", ".m4a.zip"),
]


def test_each_suffix_is_counted():
    names = [f"x/a{suffix}" for suffix in LEFT_OUT] + ["B.WAV.GZ", "b.Raw"]
    assert unread_suffixes(names) == dict.fromkeys(LEFT_OUT, 1) | {".wav.gz": 2, ".raw": 2}


@pytest.mark.parametrize("name", ["a.txt", "a.gz", "wav.gz", "a.wav.txt", "a", ".raw", "notes.tar.gz"])
def test_other_files_are_not(name):
    assert unread_suffixes([name]) == {}


def test_what_is_read_is_not_left_out():
    assert unread_suffixes([f"a{suffix}" for suffix in AUDIO_SUFFIXES]) == {}
