"""Recordings whose headers say other lengths than they have: all of the audio is decoded, or the file is refused."""

import numpy as np
import pytest
import soundfile
from conftest import tone
from mp3_files import mp3, swelling, with_count, without_info

from pipeline.audio import decoding
from pipeline.audio.audio_file import prepare
from pipeline.audio.decoding import decode
from pipeline.audio.examination import examine
from pipeline.audio.suffixes import AUDIO_SUFFIXES
from pipeline.corpora import health, listing
from pipeline.corpora.base import CorpusParams
from pipeline.errors import UserError
from pipeline.storage.feature_file import FeatureFile

FORMATS = {
    ".wav": "WAV",
    ".wave": "WAVEX",
    ".flac": "FLAC",
    ".ogg": "OGG",
    ".oga": "OGG",
    ".mp3": "MP3",
    ".mp2": "MP3",
    ".aif": "AIFF",
    ".aifc": "AIFF",
    ".aiff": "AIFF",
    ".au": "AU",
    ".snd": "AU",
    ".caf": "CAF",
    ".opus": "OGG",
    ".rf64": "RF64",
    ".sph": "NIST",
    ".nist": "NIST",
    ".w64": "W64",
    ".voc": "VOC",
    ".avr": "AVR",
    ".svx": "SVX",
    ".8svx": "SVX",
    ".mpga": "MP3",
}


@pytest.fixture
def refused(tmp_path):
    """What a file of these bytes is refused with."""

    def refused(data, name="a.wav"):
        path = tmp_path / name
        path.write_bytes(data)
        complaints = set()
        for read in (decode, examine):
            with pytest.raises(UserError) as caught:
                read(path)
            complaints.add(str(caught.value))
        (complaint,) = complaints
        assert complaint.startswith(f"{path}: ")
        assert len(complaint.splitlines()) == 1
        return complaint.removeprefix(f"{path}: ")

    return refused


@pytest.fixture
def decoded(tmp_path):
    """What a file of these bytes is decoded to; the same twice, of the length that is measured."""

    def decoded(data, name):
        (tmp_path / name).write_bytes(data)
        samples, _ = decode(tmp_path / name)
        np.testing.assert_array_equal(samples, decode(tmp_path / name)[0])
        assert examine(tmp_path / name).measures.frames == len(samples)
        return samples

    return decoded


def written(path, samples, rate=16000, **options):
    soundfile.write(path, samples, rate, **options)
    return path.read_bytes()


# MP3


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE", "AVERAGE"])
def test_an_mp3_that_does_not_say_its_length(tmp_path, decoded, mode):
    data = mp3(tmp_path / "whole.mp3", swelling(6), mode=mode)
    samples = decoded(without_info(data), "a.mp3")
    # What is cut off where the length is said: the encoder's and the decoder's delay.
    at = 1105
    np.testing.assert_allclose(samples[at : at + 6 * 44100], decoded(data, "b.mp3"), atol=1e-6)


def test_two_mp3s_in_one_file(tmp_path, decoded):
    first, second = mp3(tmp_path / "1.mp3", tone(2, rate=44100)), mp3(tmp_path / "2.mp3", swelling(1), mode="VARIABLE")
    tag = b"TAG" + bytes(125)
    for data in (first + second, first + tag + second, first + without_info(second), without_info(first) + second):
        assert 3 * 44100 <= len(decoded(data, "a.mp3")) < 3 * 44100 + 6000


@pytest.mark.parametrize("other", [{"rate": 48000}, {"stereo": True}])
def test_two_mp3s_that_do_not_go_together(tmp_path, refused, other):
    samples = np.stack([tone(1, rate=44100)] * 2, axis=1) if other.get("stereo") else tone(1, rate=44100)
    first, second = mp3(tmp_path / "1.mp3", tone()), mp3(tmp_path / "2.mp3", samples, other.get("rate", 44100))
    expected = f"changes its sampling rate or channels at byte {len(first) + len(second) - len(without_info(second))}; "
    assert refused(first + second, "a.mp3") == f"{expected}split it into one file of each"


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_part_of_an_mp3(tmp_path, refused, mode, share):
    data = mp3(tmp_path / "whole.mp3", swelling(5), mode=mode)
    assert refused(data[: int(share * len(data))], "a.mp3").startswith("is cut short, ")
    bare = without_info(data)
    assert refused(bare[: int(share * len(bare))], "a.mp3").startswith("is cut short in its last frame")


def test_an_mp3_that_says_it_is_shorter(tmp_path, decoded):
    data = mp3(tmp_path / "whole.mp3", swelling(5))
    assert len(decoded(with_count(data, 20), "a.mp3")) >= 5 * 44100


def test_an_mp3_with_a_hole(tmp_path, refused):
    data = mp3(tmp_path / "whole.mp3", swelling(5))
    holed = data[: len(data) // 2] + bytes(5000) + data[len(data) // 2 :]
    assert refused(holed, "a.mp3").startswith("is damaged at byte ")


def test_tags_of_an_mp3_are_no_audio(tmp_path, decoded):
    data = mp3(tmp_path / "whole.mp3", swelling(2), mode="VARIABLE")
    expected = decoded(data, "a.mp3")
    picture = b"ID3\x04\0\0" + bytes([0, 0x20, 0, 0]) + bytes(0x20 * 128 * 128)
    for tagged in (picture + data, data + b"TAG" + bytes(125), data + b"APETAGEX" + bytes(300), data + bytes(5000)):
        np.testing.assert_array_equal(decoded(tagged, "b.mp3"), expected)


# Other formats


@pytest.mark.parametrize("suffix", AUDIO_SUFFIXES)
def test_every_suffix_is_of_a_format_that_is_read_whole_and_refused_when_cut(tmp_path, decoded, refused, suffix):
    assert FORMATS[suffix] in soundfile.available_formats()
    subtype = "OPUS" if suffix == ".opus" else None
    data = written(tmp_path / f"whole{suffix}", swelling(2, 16000), format=FORMATS[suffix], subtype=subtype)
    assert len(decoded(data, f"a{suffix}")) == 32000
    for share in (0.03, 0.5, 0.66, 0.95):
        refused(data[: int(share * len(data))], f"a{suffix}")


def test_a_flac_that_says_other_lengths(tmp_path, decoded, refused):
    samples = np.random.default_rng(0).integers(-999, 999, 20000).astype(np.int16)
    whole = written(tmp_path / "whole.flac", samples)

    def saying(count):
        fields = int.from_bytes(whole[18:26], "big")
        return whole[:18] + (fields >> 36 << 36 | count).to_bytes(8, "big") + whole[26:]

    for count in (0, 1, 4096, 19999, 20000):
        np.testing.assert_array_equal(decoded(saying(count), "a.flac"), samples / 32768)
    tagged = b"ID3\x04\0\0\0\0\0\x20" + bytes(32) + saying(5)
    np.testing.assert_array_equal(decoded(tagged, "a.flac"), samples / 32768)
    trailed = whole + b"TAG" + bytes(125)
    np.testing.assert_array_equal(decoded(trailed, "a.flac"), samples / 32768)
    np.testing.assert_array_equal(decoded(tagged + b"TAG" + bytes(125), "a.flac"), samples / 32768)
    assert refused(whole[: len(whole) // 2] + b"TAG" + bytes(125), "a.flac")
    assert refused(saying(20001), "a.flac") == "holds 20000 of 20001 samples; mend or remove the file"


def test_two_ogg_files_in_one(tmp_path, refused):
    data = written(tmp_path / "a.ogg", tone())
    assert refused(data + data, "a.ogg") == "holds 2 streams, of which one can be read; split it into one file of each"


@pytest.mark.parametrize("suffix", [".wav", ".aiff"])
def test_more_audio_than_a_header_says(tmp_path, refused, decoded, suffix):
    data = written(tmp_path / f"whole{suffix}", swelling(1, 16000))
    at = data.index(b"data" if suffix == ".wav" else b"SSND") + 4
    order = "little" if suffix == ".wav" else "big"
    for size in (0, 16000, 31800):
        said = data[:at] + size.to_bytes(4, order) + data[at + 4 :]
        assert refused(said, f"a{suffix}").startswith(f"holds more than the {size} bytes of audio that its header says")
    # What other programs leave there.
    for tail in (b"\0", b"\0\0\0\0", b"LIST\4\0\0\0INFO", b"TAG" + bytes(125), bytes(3000), b"\xff\xfe\xfd"):
        assert len(decoded(data + tail, f"a{suffix}")) == 16000


@pytest.mark.parametrize("size", [0x7FFF0000, 0xFFFFFFFF])
def test_a_wav_from_a_pipe_says_no_length(tmp_path, decoded, size):
    data = written(tmp_path / "whole.wav", tone())
    at = data.index(b"data") + 4
    assert len(decoded(data[:at] + size.to_bytes(4, "little") + data[at + 4 :], "a.wav")) == len(tone())


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32", "NMS_ADPCM_16", "NMS_ADPCM_32", "IMA_ADPCM", "MS_ADPCM"])
def test_stages_agree_on_the_length_of_codecs_of_whole_blocks(tmp_path, subtype):
    folder = tmp_path / "corpus/sad"
    folder.mkdir(parents=True)
    soundfile.write(folder / "a.wav", tone(1.234), 16000, subtype=subtype)
    listed = listing.read("mine", CorpusParams(reader="folder", root=folder.parent))
    rows = listed.rows
    assert [health.kinds(one.measures) for one in listed.examinations.values()] == [[]]
    prepare({"a": folder / "a.wav"}, {tmp_path / "16k.h5": 16000}, "mine")
    assert rows[0].length == FeatureFile(tmp_path / "16k.h5").lengths[0] / 16000
    assert 1.234 <= rows[0].length < 1.3


# What is no recording


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty; mend or remove the file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "is a Git LFS pointer, not the"),
        (b"/annex/objects/SHA256E-s3--00.wav\n", "is a git-annex pointer, not the recording; run `git annex get`"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "is MPEG-4 audio, which cannot be read; convert it, as with `ffmpeg -i"),
        (b"PK\x03\x04" + bytes(50), "is a ZIP archive, which cannot be read"),
        (b"words", "cannot be read as audio (Format not recognised); mend or remove the file"),
        (b"ID3\x04\0\0\0\0\0\x20" + bytes(32), "cannot be read as audio ("),
    ],
)
def test_files_that_are_no_recordings(refused, data, says):
    assert refused(data).startswith(says)


@pytest.mark.parametrize("rate", [1, 3999, 768001, 10_000_000, 2**31 - 1])
def test_rates_that_nobody_believes(tmp_path, refused, rate):
    data = written(tmp_path / "a.wav", tone())
    said = data[:24] + rate.to_bytes(4, "little") + data[28:]
    assert refused(said).startswith(f"says that its sampling rate is {rate} Hz, which is not between 4000 and 768000; ")


def test_more_hours_than_a_day_has(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(decoding, "LONGEST", 1 / 3600)
    assert (
        refused(written(tmp_path / "a.flac", np.zeros(300000)))
        == "is longer than 0.0002777777777777778 h; split it, or mend or remove the file"
    )


def test_a_folder_is_no_recording(tmp_path):
    (tmp_path / "a.wav").mkdir()
    with pytest.raises(UserError, match=r"a\.wav: is a folder, not a recording"):
        decode(tmp_path / "a.wav")
