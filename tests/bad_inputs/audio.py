"""Recordings that are none, or are damaged, or lie about themselves."""

import io
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from bad_inputs.registry import bad_input

RATE = 16000
Change = Callable[[bytes], bytes]


def speech(seconds: float = 1.0, channels: int = 1) -> np.ndarray:
    """Noise in a slow rhythm."""
    count = round(seconds * RATE)
    noise = np.random.default_rng(0).standard_normal((count, channels)) * 0.1
    return noise * np.abs(np.sin(np.arange(count) / 3000))[:, None]


def encoded(
    kind: str, samples: np.ndarray | None = None, rate: int = RATE, subtype: str | None = None, **more
) -> bytes:
    """Samples in a format of libsndfile."""
    file = io.BytesIO()
    soundfile.write(file, speech() if samples is None else samples, rate, format=kind, subtype=subtype, **more)
    return file.getvalue()


def recording(folder: Path, data: bytes, name: str = "a.wav") -> list[str]:
    """A command that reads a recording of these bytes."""
    (folder / name).write_bytes(data)
    return ["extract", "mfcc", str(folder / name), "--out", str(folder / "out.h5")]


def put(data: bytes, at: int, new: bytes) -> bytes:
    """Bytes with others in their place."""
    return data[:at] + new + data[at + len(new) :]


def case(name: str, says: str, data: Callable[[], bytes], file: str = "a.wav") -> None:
    """Add a recording of these bytes to the table."""

    def make(folder: Path) -> list[str]:
        return recording(folder, data(), file)

    bad_input(name, says)(make)


def changed_wav(at: int, form: str, value: int) -> Callable[[], bytes]:
    """A WAV file with another number in its header."""
    return lambda: put(encoded("WAV"), at, struct.pack(form, value))


def samples_of(*values: float, channels: int = 1) -> Callable[[], bytes]:
    """A WAV file of floats, with these values in the middle."""

    def make() -> bytes:
        samples = speech(channels=channels)
        samples[8000 : 8000 + len(values), -1] = values
        return encoded("WAV", samples, subtype="FLOAT")

    return make


def flac_saying(count: int) -> Callable[[], bytes]:
    """A FLAC file that says it has so many frames."""

    def make() -> bytes:
        data = encoded("FLAC")
        fields = int.from_bytes(data[18:26], "big")
        return put(data, 18, (fields >> 36 << 36 | count).to_bytes(8, "big"))

    return make


def part(kind: str, share: float, subtype: str | None = None, **more) -> Callable[[], bytes]:
    """The beginning of a file."""

    def make() -> bytes:
        data = encoded(kind, subtype=subtype, **more)
        return data[: int(share * len(data))]

    return make


def unclosed_half() -> bytes:
    """A WAV file that says nothing of its whole length, and half of its audio's."""
    return put(put(encoded("WAV"), 40, struct.pack("<I", RATE)), 4, bytes(4))


def two_chunks() -> bytes:
    """A WAV file with half of its audio in a chunk of its own."""
    data = encoded("WAV")
    return put(data[: 44 + RATE], 40, struct.pack("<I", RATE)) + b"data" + struct.pack("<I", RATE) + data[44 + RATE :]


def half_caf() -> bytes:
    """A CAF file that says half of its bytes."""
    data = encoded("CAF")
    return put(data, data.index(b"data") + 4, struct.pack(">q", RATE + 4))


def two(kind: str, **other) -> Callable[[], bytes]:
    """Two files in one."""
    return lambda: encoded(kind) + encoded(kind, **other)


UNREAD = "cannot be read as audio ("
CUT = "is cut short"
BELIEVED = "which is not between 4000 and 768000"

# No recordings
case("no bytes", "is empty", lambda: b"")
case("one byte", UNREAD, lambda: b"R")
case("a text", UNREAD, lambda: b"This is no recording.\n" * 50)
case("zeros", UNREAD, lambda: bytes(50000))
case("noise", UNREAD, lambda: np.random.default_rng(1).bytes(50000))
case("a Git LFS pointer", "is a Git LFS pointer", lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
case("a git-annex pointer", "is a git-annex pointer", lambda: b"/annex/objects/SHA256E-s3--00.wav\n")
case("a renamed ZIP archive", "is a ZIP archive", lambda: b"PK\x03\x04" + bytes(5000))
case("a renamed gzip file", "is a gzip archive", lambda: b"\x1f\x8b\x08" + bytes(5000))
case("MPEG-4 audio named .wav", "is MPEG-4 audio", lambda: b"\0\0\0\x20ftypM4A " + bytes(5000))
case("Windows Media audio named .mp3", "is Windows Media audio", lambda: bytes.fromhex("3026b2758e66cf11") * 9, "a.mp3")
case("WebM named .ogg", "is Matroska", lambda: b"\x1a\x45\xdf\xa3" + bytes(500), "a.ogg")
case("AMR named .wav", "is AMR audio", lambda: b"#!AMR\n" + bytes(500))
case("AAC by its suffix", "convert it, as with `ffmpeg", lambda: bytes(500), "a.m4a")
case("WMA by its suffix", "convert it, as with `ffmpeg", lambda: bytes(500), "a.wma")
case("only an ID3 tag", UNREAD, lambda: b"ID3\x04\0\0\0\0\0\x20" + bytes(32), "a.mp3")
case("an ID3 tag longer than the file", UNREAD, lambda: b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(32), "a.mp3")

# WAV
for share in (0.0002, 0.0008, 0.001, 0.0013):
    case(f"a WAV cut in its header, {share:.2%} left", ": ", part("WAV", share))
for share in (0.01, 0.5, 0.99):
    case(f"a WAV cut in its audio, {share:.0%} left", CUT, part("WAV", share))
case("a WAV without samples", "holds no audio samples", lambda: encoded("WAV", np.zeros((0, 1))))
case("a WAV of 0 channels", UNREAD, changed_wav(22, "<H", 0))
case("a WAV of 65535 channels", UNREAD, changed_wav(22, "<H", 65535))
case("a WAV of 0 Hz", ": ", changed_wav(24, "<I", 0))
case("a WAV of 1 Hz", BELIEVED, changed_wav(24, "<I", 1))
case("a WAV of 10 MHz", BELIEVED, changed_wav(24, "<I", 10_000_000))
case("a WAV of -1 Hz", ": ", changed_wav(24, "<i", -1))
case("a WAV of 0 bits", ": ", changed_wav(34, "<H", 0))
case("a WAV of an unknown codec", UNREAD, changed_wav(20, "<H", 0x1234))
case("a WAV that says half its bytes", "holds more than the 16000 bytes", changed_wav(40, "<I", 16000))
case("a WAV that says half its bytes, and nothing of its whole", "holds more than the 16000 bytes", unclosed_half)
case("a WAV with two chunks of audio", "holds two recordings", two_chunks)
case("two WAVs in one", "holds two recordings", two("WAV"))
case("a WAV that says no bytes", "holds more than the 0 bytes", changed_wav(40, "<I", 0))
case("a WAV that says a gigabyte", CUT, changed_wav(40, "<I", 1 << 30))
case("a WAV without a data chunk", ": ", lambda: encoded("WAV")[:36])
case("a WAV whose format stands behind its data", UNREAD, lambda: b"RIFF\x64\0\0\0WAVEdata\x40\0\0\0" + bytes(64))
case("a big-endian WAV that is cut", CUT, part("WAV", 0.5, endian="BIG"))
case("an RF64 that is cut", CUT, part("RF64", 0.5))
case("not a number", "holds samples that are no numbers", samples_of(float("nan")))
case("infinity", "holds samples that are no numbers", samples_of(float("inf")))
case("minus infinity in one of two channels", "no numbers", samples_of(float("-inf"), channels=2))
case("samples on the scale of 16 bits", "and full scale is 1; rescale it", samples_of(32000.0))
case("samples near the largest float", "and full scale is 1; rescale it", samples_of(-3e38))
for codec in ("GSM610", "G721_32", "NMS_ADPCM_16", "IMA_ADPCM", "MS_ADPCM", "ULAW"):
    case(f"a WAV of {codec} that is cut", CUT, part("WAV", 0.5, codec))

# FLAC, Ogg, MP3 and others
case("a FLAC that is cut", UNREAD, part("FLAC", 0.5), "a.flac")
case("a FLAC of nothing but its header", ": ", lambda: encoded("FLAC")[:42], "a.flac")
case("a FLAC that says 2^36 - 1 samples", "holds 16000 of 68719476735 samples", flac_saying((1 << 36) - 1), "a.flac")
case("a FLAC with a hole", UNREAD, lambda: put(encoded("FLAC"), 9000, bytes(3000)), "a.flac")
case("two FLAC files in one", UNREAD, two("FLAC"), "a.flac")
case("an Ogg Vorbis that is cut", ": ", part("OGG", 0.6), "a.ogg")
case("an Opus that is cut", ": ", part("OGG", 0.6, "OPUS"), "a.opus")
case("an Ogg of two streams", "holds 2 streams", two("OGG"), "a.ogg")
case("an Ogg with a damaged page", ": ", lambda: put(encoded("OGG"), 60, bytes(300)), "a.ogg")
case("half an MP3", CUT, part("MP3", 0.5), "a.mp3")
case("an MP3 of one frame that is cut", ": ", part("MP3", 0.02), "a.mp3")
case("an MP3 with a hole", "is damaged at byte", lambda: put(encoded("MP3", speech(5)), 8000, bytes(4000)), "a.mp3")
case("two MP3s of two rates in one", "changes its sampling rate", two("MP3", rate=24000), "a.mp3")
case("two MP3s of one and two channels", "or channels at byte", two("MP3", samples=speech(channels=2)), "a.mp3")
tags = b"ID3\x04" + bytes(6)
case("an MP3 of a million tags", "more than 1000 tags", lambda: tags * 1_000_000 + encoded("MP3"), "a.mp3")
case("a WAV of a million chunks", "than 10000 chunks", lambda: encoded("WAV") + b"LIST\0\0\0\0" * 1_000_000)
case("an AU that says half its bytes", "more than the 16000", lambda: put(encoded("AU"), 8, struct.pack(">I", RATE)))
case("a CAF that says half its bytes", "holds more than the 16004 bytes", half_caf, "a.caf")
case("an RF64 that says half", "holds more than", lambda: put(encoded("RF64"), 28, struct.pack("<QQ", RATE, 8000)))
aac = b"\xff\xf1\x50\x80\x20\x1f\xfc" + bytes(500)
case("AAC named .mp3", "is AAC audio", lambda: aac, "a.mp3")
case("AAC behind an ID3 tag", "is AAC audio", lambda: tags + aac, "a.mp3")
case("half a WAV behind an ID3 tag", CUT, lambda: tags + part("WAV", 0.5)())
case("half an Ogg behind an ID3 tag", ": ", lambda: tags + part("OGG", 0.6)(), "a.ogg")
case("half an MP3 behind zeros", CUT, lambda: bytes(100_000) + part("MP3", 0.5)(), "a.mp3")
case("an MP3 that lacks its last byte", CUT, lambda: encoded("MP3")[:-1], "a.mp3")
junk = b"TAG" + b"\xff\xfb\x90\x44" * 15000
case("an MP3 that is mostly junk", ": ", lambda: (encoded("MP3", speech(0.1)) + junk) * 100, "a.mp3")
for kind, suffix in (("AIFF", "aiff"), ("AU", "au"), ("CAF", "caf"), ("W64", "w64"), ("NIST", "sph")):
    case(f"{kind} that is cut", ": ", part(kind, 0.5), f"a.{suffix}")


@bad_input("a folder named .wav", says="has no audio file")
def folder_named_wav(folder: Path) -> list[str]:
    (folder / "sad/a.wav").mkdir(parents=True)
    return ["extract", "mfcc", str(folder / "sad"), "--out", str(folder / "out.h5")]


@bad_input("a pipe named .wav", says="is no regular file")
def pipe_named_wav(folder: Path) -> list[str]:
    (folder / "sad").mkdir()
    os.mkfifo(folder / "sad/a.wav")
    return ["extract", "mfcc", str(folder / "sad"), "--out", str(folder / "out.h5")]


@bad_input("a link to nothing named .wav", says="No such file")
def broken_link(folder: Path) -> list[str]:
    (folder / "sad").mkdir()
    (folder / "sad/a.wav").symlink_to(folder / "gone.wav")
    return ["extract", "mfcc", str(folder / "sad"), "--out", str(folder / "out.h5")]
