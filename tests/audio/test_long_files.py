"""Files that are long to walk over, though their audio is short: a second or so, and nothing printed by libraries."""

import os
import sys
import time
from contextlib import suppress
from threading import Barrier

import numpy as np
import pytest
import soundfile
from conftest import tone
from mp3_files import mp3, without_info

from pipeline.audio import mpeg
from pipeline.audio.decoding import Recording, decode
from pipeline.errors import UserError
from pipeline.jobs.executors import in_threads

PATIENCE = 4
"""seconds, for what took from 9 to 40 before"""

EMPTY_TAG = b"ID3\x04\0\0\0\0\0\0"


@pytest.fixture
def timed(tmp_path):
    """What a file of these bytes is refused with, or how many samples it is decoded to; in time."""

    def timed(data, name):
        path = tmp_path / name
        path.write_bytes(data)
        start = time.perf_counter()
        try:
            result = len(decode(path)[0])
        except UserError as error:
            result = str(error).removeprefix(f"{path}: ")
        assert time.perf_counter() - start < PATIENCE
        return result

    return timed


@pytest.fixture
def frames(tmp_path):
    """Two frames of MPEG audio."""
    data = without_info(mp3(tmp_path / "whole.mp3", tone(), 16000))
    return data[: sum([size := mpeg.frame_at(data, 0).size, mpeg.frame_at(data, size).size])]


def test_a_wav_with_room_behind_its_audio(tmp_path, timed):
    soundfile.write(tmp_path / "whole.wav", tone(), 16000)
    whole = (tmp_path / "whole.wav").read_bytes()
    assert timed(whole + bytes(40_000_000), "a.wav") == len(tone())
    assert timed(whole + bytes(40_000_001) + b"LIST\4\0\0\0INFO", "a.wav") == len(tone())
    says = f"holds more than the {2 * len(tone())} bytes of audio that its header says; mend or remove the file"
    assert timed(whole + bytes(5000) + b"\xff" * 5000, "a.wav") == says


@pytest.mark.parametrize("name", ["a.wav", "a.aiff"])
def test_a_file_of_many_chunks(tmp_path, timed, name):
    soundfile.write(tmp_path / name, tone(), 16000)
    chunks = b"LIST\0\0\0\0" * 3_000_000
    assert timed((tmp_path / name).read_bytes() + chunks, name) == "has more than 10000 chunks; mend or remove the file"


def test_an_ogg_of_many_pages(tmp_path, timed):
    soundfile.write(tmp_path / "whole.ogg", tone(), 16000)
    page = b"OggS\0\0" + bytes(8) + b"\1\0\0\0" + bytes(9)
    assert timed((tmp_path / "whole.ogg").read_bytes() + page * 1_000_000, "a.ogg").startswith("is cut short, ")


@pytest.mark.parametrize("junk", [bytes(60000), b"\xff\xfb\x90\x44" * 15000, b"TAG" + b"\xff\xfb\x90\x44" * 15000])
def test_an_mp3_with_much_between_its_frames(timed, frames, junk):
    assert timed((frames + junk) * 100, "a.mp3").startswith(("is damaged at byte ", "changes its sampling rate"))


def test_an_mp3_of_tags(tmp_path, timed, frames):
    says = "has more than 1000 tags between its frames; mend or remove the file"
    assert timed(EMPTY_TAG * 1_000_000 + frames, "a.mp3") == says
    assert timed((frames + b"TAG" + bytes(125)) * 1002, "a.mp3") == says
    assert timed(EMPTY_TAG * 999 + frames, "a.mp3") == 2 * 576
    assert timed(frames + bytes(20_000_000), "a.mp3") == 2 * 576


def test_an_mp3_that_changes_is_not_read_to_its_end(timed, frames):
    small = b"\xff\xf3\x14\xc4" + bytes(20)
    assert timed(frames + small * 2_000_000, "a.mp3").startswith(
        f"changes its sampling rate or channels at byte {len(frames)}"
    )


def test_libraries_print_nothing(tmp_path, capfd):
    data = mp3(tmp_path / "whole.mp3", tone())
    (tmp_path / "a.mp3").write_bytes(EMPTY_TAG * 3 + data)
    (tmp_path / "b.mp3").write_bytes(b"\xff\xf1\x50\x80\x20\x1f\xfc" + bytes(500))
    (tmp_path / "c.mp3").write_bytes(bytes(100_000) + data)
    for name in "abc":
        with suppress(UserError):
            decode(tmp_path / f"{name}.mp3")
    assert capfd.readouterr() == ("", "")


def test_threads_print_as_ever_while_others_decode(tmp_path, capfd):
    mp3(tmp_path / "whole.mp3", tone())
    data = (tmp_path / "whole.mp3").read_bytes()
    (tmp_path / "a.mp3").write_bytes(EMPTY_TAG * 3 + data)
    together = Barrier(3, timeout=30)

    def read(i):
        together.wait()
        with Recording(tmp_path / "a.mp3") as recording:
            list(recording.blocks())
            together.wait()
            os.write(2, f"{i}\n".encode())
            print(f"{i}\n", end="", file=sys.stderr)  # at once, as a line and its end are two writes
        return recording.frames

    assert len(set(in_threads(read, range(3), 3))) == 1
    assert sorted(capfd.readouterr().err.split()) == list("001122")


@pytest.mark.parametrize("fork", [b"", b"words" * 100])
def test_a_file_that_libsndfile_takes_for_the_other_fork_of_a_pipe(tmp_path, monkeypatch, fork):
    data = without_info(mp3(tmp_path / "whole.mp3", tone()))
    (tmp_path / "a.mp3").write_bytes(data)
    expected = decode(tmp_path / "a.mp3")[0]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "._").write_bytes(fork)
    np.testing.assert_array_equal(decode(tmp_path / "a.mp3")[0], expected)
