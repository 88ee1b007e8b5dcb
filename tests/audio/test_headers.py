"""Headers that say less than there is, say nothing, or stand behind a tag; and two recordings in one file."""

import struct

import numpy as np
import pytest
import soundfile
from conftest import tone
from mp3_files import mp3, swelling, with_count, without_info

from pipeline.audio import mpeg
from pipeline.audio.decoding import decode
from pipeline.errors import UserError

COUNT = 16000
ID3 = b"ID3\x04\0\0\0\0\0\x20" + bytes(32)


@pytest.fixture
def written(tmp_path):
    """The bytes of a second of noise in a format."""

    def written(suffix, kind=None, subtype="PCM_16"):
        path = tmp_path / f"whole{suffix}"
        noise = np.random.default_rng(0).uniform(-0.3, 0.3, COUNT)
        soundfile.write(path, noise, COUNT, format=kind, subtype=subtype)
        return path.read_bytes()

    return written


@pytest.fixture
def outcome(tmp_path):
    """How many samples a file of these bytes is decoded to, or what it is refused with."""

    def outcome(data, name):
        path = tmp_path / name
        path.write_bytes(data)
        try:
            return len(decode(path)[0])
        except UserError as error:
            return str(error).removeprefix(f"{path}: ")

    return outcome


def put(data, at, form, *values):
    return data[:at] + (new := struct.pack(form, *values)) + data[at + len(new) :]


def more(length):
    return f"holds more than the {length} bytes of audio that its header says; mend or remove the file"


@pytest.mark.parametrize("name", [b"LIST", b"bext", b"id3 "])
def test_notes_that_are_longer_than_the_file(written, outcome, name):
    notes = name + struct.pack("<I", 900) + b"INFOISFT" + bytes(range(100))
    assert outcome(written(".wav") + notes, "a.wav") == COUNT


@pytest.mark.parametrize("padding", [b"", b"\0"])
def test_an_odd_length_with_notes_behind_it(tmp_path, outcome, padding):
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.zeros(COUNT - 1), COUNT, subtype="PCM_U8")
    audio = path.read_bytes()[: 44 + COUNT - 1]
    notes = b"LIST" + struct.pack("<I", 112) + b"INFOISFT" + struct.pack("<I", 100) + bytes(100)
    assert outcome(audio + padding + notes, "a.wav") == COUNT - 1


def test_audio_behind_an_odd_length_is_not_taken_for_notes(tmp_path, outcome):
    path = tmp_path / "odd.wav"
    soundfile.write(path, np.zeros(COUNT - 1), COUNT, subtype="PCM_U8")
    half = put(path.read_bytes(), 40, "<I", COUNT // 2 - 1)
    assert outcome(half, "a.wav") == more(COUNT // 2 - 1)


# Half of the audio, by the header


def test_an_au_that_says_half(written, outcome):
    assert outcome(put(written(".au"), 8, ">I", COUNT), "a.au") == more(COUNT)


def test_a_caf_that_says_half(written, outcome):
    data = written(".caf")
    assert outcome(put(data, data.index(b"data") + 4, ">q", COUNT + 4), "a.caf") == more(COUNT + 4)


def test_an_rf64_that_says_half(written, outcome):
    data = put(written(".rf64", "RF64"), 28, "<QQ", COUNT, COUNT // 2)
    assert outcome(data, "a.rf64") == more(COUNT)
    assert outcome(put(data, 20, "<Q", 36), "a.rf64") == more(COUNT)


@pytest.mark.parametrize("whole", [0, 8, 36, COUNT + 36, 2 * COUNT + 36, 0xFFFFFFFF])
def test_a_wav_that_says_half(written, outcome, whole):
    assert outcome(put(put(written(".wav"), 40, "<I", COUNT), 4, "<I", whole), "a.wav") == more(COUNT)


def test_zeros_behind_the_audio_are_no_audio(written, outcome):
    for suffix in (".au", ".caf", ".aiff"):
        assert outcome(written(suffix) + bytes(5000), f"a{suffix}") == COUNT


# Nothing, by the header: a recorder that was switched off


@pytest.mark.parametrize("whole", [0, 8, 36, 0xFFFFFFFF])
def test_a_wav_that_was_never_closed(written, outcome, whole):
    assert outcome(put(put(written(".wav"), 40, "<I", 0), 4, "<I", whole), "a.wav") == COUNT


@pytest.mark.parametrize("length", [0, 8])
def test_an_aiff_that_was_never_closed(written, outcome, length):
    data = written(".aiff")
    data = put(data, data.index(b"SSND") + 4, ">I", length)
    assert outcome(put(data, 4, ">I", 0), "a.aiff") == COUNT


@pytest.mark.parametrize("length", [-1, 0, 4])
def test_a_caf_that_was_never_closed(written, outcome, length):
    data = written(".caf")
    assert outcome(put(data, data.index(b"data") + 4, ">q", length), "a.caf") == COUNT


def test_an_rf64_that_was_never_closed(written, outcome):
    assert outcome(put(written(".rf64", "RF64"), 20, "<QQQ", 0, 0, 0), "a.rf64") == COUNT


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF])
def test_an_au_that_was_never_closed(written, outcome, length):
    assert outcome(put(written(".au"), 8, ">I", length), "a.au") == COUNT


def test_an_empty_recording_has_no_samples(tmp_path, outcome):
    for suffix in (".wav", ".aiff", ".au", ".caf"):
        soundfile.write(tmp_path / f"whole{suffix}", np.zeros(0), COUNT)
        data = (tmp_path / f"whole{suffix}").read_bytes()
        assert outcome(data, f"a{suffix}") == "holds no audio samples; mend or remove the file"


# Formats that do not say their length


@pytest.mark.parametrize("kind", ["IRCAM", "PAF", "PVF"])
def test_a_format_that_cannot_be_checked_to_be_whole(written, outcome, kind):
    says = "which cannot be checked to be whole; convert it, as with `ffmpeg -i RECORDING.wav RECORDING.flac`"
    assert outcome(written(".raw", kind), "a.wav").endswith(says)


def test_blocks_of_a_voc(written, outcome):
    data = written(".voc", "VOC")
    block = data[26:-1] if not data[-1] else data[26:]
    assert outcome(data[: 26 + len(block)] + block, "a.voc").startswith("holds 2 blocks of audio, of which one can")
    assert outcome(data[: 26 + len(block)] + b"\0" + b"\1" * 500, "a.voc").startswith("holds more than ")


# Two in one


def test_two_chunks_of_audio(written, outcome):
    data = written(".wav")
    halves = put(data[: 44 + COUNT], 40, "<I", COUNT) + b"data" + struct.pack("<I", COUNT) + data[44 + COUNT :]
    says = "holds two recordings, the second at byte {}, of which one can be read; split it into one file of each"
    assert outcome(put(halves, 4, "<I", len(halves) - 8), "a.wav") == says.format(44 + COUNT)
    assert outcome(data + data, "a.wav") == says.format(len(data))


# Behind a tag


@pytest.mark.parametrize("suffix", [".wav", ".aiff", ".au", ".caf", ".ogg", ".flac", ".w64"])
def test_a_recording_behind_an_id3_tag(written, outcome, suffix):
    data = written(suffix, subtype="VORBIS" if suffix == ".ogg" else "PCM_16")
    assert outcome(ID3 + data, f"a{suffix}") == outcome(ID3 + ID3 + data, "b.wav") == COUNT
    assert isinstance(outcome(ID3 + data[: len(data) // 2], f"a{suffix}"), str)


def test_what_cannot_be_read_behind_an_id3_tag(outcome):
    aac = b"\xff\xf1\x50\x80\x20\x1f\xfc" + bytes(500)
    for data in (aac, ID3 + aac, b"ADIF" + bytes(500)):
        says = "is AAC audio, which cannot be read; convert it, as with `ffmpeg -i RECORDING.mp3 RECORDING.flac`"
        assert outcome(data, "a.mp3") == says


# MP3


def test_an_mp3_whose_count_is_one_too_low_is_read_whole(tmp_path, outcome):
    data = mp3(tmp_path / "whole.mp3", swelling(2))
    frames = mpeg.scan(tmp_path / "whole.mp3").frames
    assert outcome(with_count(data, frames - 1), "a.mp3") == frames * 1152 == outcome(without_info(data), "b.mp3")


def test_an_mp3_that_lost_its_last_frame(tmp_path, outcome):
    data = mp3(tmp_path / "whole.mp3", swelling(2))
    frames, first = mpeg.scan(tmp_path / "whole.mp3").frames, len(data) - len(without_info(data))
    cut = data[: data.rindex(data[first : first + 2])]
    says = f"is cut short, {frames - 1} of {frames} frames of MPEG audio are there; mend or remove the file"
    assert outcome(cut, "a.mp3") == says
    # An encoder that counts the frame with the count, too: as many bytes are there as it says.
    assert outcome(with_count(data, frames + 1), "b.mp3") >= 2 * 44100


def test_zeros_before_an_mp3(tmp_path, outcome):
    data = mp3(tmp_path / "whole.mp3", swelling(2))
    assert outcome(bytes(5000) + data, "a.mp3") == outcome(data, "b.mp3")
    assert outcome(bytes(100_000) + data, "c.mp3") == outcome(without_info(data), "d.mp3")
    assert outcome(bytes(100_000) + data, "c.wav") == outcome(without_info(data), "d.mp3")
    for junk in (bytes(5000), b"junk" * 500):
        assert outcome(junk + data[: len(data) // 2], "e.mp3").startswith("is cut short, ")


def test_a_text_named_mp3(outcome):
    says = "cannot be read as audio (it has no frame of MPEG audio); mend or remove the file"
    assert outcome(b"<!DOCTYPE html>" * 10, "a.mp3") == says


def test_a_tone_stays_as_it_is_behind_a_tag(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(), 16000)
    (tmp_path / "b.wav").write_bytes(ID3 + (tmp_path / "a.wav").read_bytes())
    np.testing.assert_array_equal(decode(tmp_path / "a.wav")[0], decode(tmp_path / "b.wav")[0])
