"""MPEG audio (MP3): its frames, counted in the file, since what its headers say of its length may be wrong or missing.

libsndfile decodes as many samples as an Info or Xing frame says, or, without one, as many as a constant bit rate would
give: a file of variable bit rate loses its end then, and of two files in one the second is not read. So the frames are
counted here, and where the count differs the stream is decoded behind an Info frame with the right one.
"""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
"""version bits -> sampling rates (Hz) by index"""

BITRATES = {
    (True, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 1): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""MPEG-1 or not, and layer bits -> bit rates (kbit/s) by index, from 1"""

LAYER_3 = 1
TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN", b"ID3", b"3DI")
"""what may stand between and behind frames, and is no audio"""

SEARCHED = 1 << 16
"""bytes in which the first frame, or the next one after a tag, is looked for"""

PIECE = 1 << 16
"""bytes read at once"""


@dataclass(frozen=True)
class Frame:
    """A frame's header."""

    start: int
    size: int
    """bytes"""
    samples: int
    """of each channel"""
    rate: int
    channels: int
    layer: int
    """bits of the header: 3 is layer I, 1 is layer III"""
    side: int
    """bytes before the main data"""


@dataclass
class Stream:
    """The frames of a file.

    Attributes:
        runs: bytes [start, stop) of frames of audio that lie together.
        frames: how many there are, without those that only describe the stream.
        first: the first one.
        stated: how many frames the first Info or Xing frame says; None without one.
        described: how many frames describe the stream.
        cut: whether the last frame is not whole.
        damaged: where something that is no frame and no tag begins; None when there is no such place.
        changed: where the sampling rate or the number of channels changes.
    """

    runs: list[tuple[int, int]] = field(default_factory=list)
    frames: int = 0
    first: Frame | None = None
    stated: int | None = None
    described: int = 0
    cut: bool = False
    damaged: int | None = None
    changed: int | None = None

    @property
    def complaint(self) -> str:
        """What is wrong with the file; "" when nothing is."""
        if self.changed is not None:
            return f"changes its sampling rate or channels at byte {self.changed}; split it into one file of each"
        if self.damaged is not None:
            return f"is damaged at byte {self.damaged}, where no MPEG audio follows; mend or remove the file"
        if self.stated is not None and self.frames + 1 < self.stated:
            return (
                f"is cut short, {self.frames} of {self.stated} frames of MPEG audio are there; mend or remove the file"
            )
        if self.cut:
            return "is cut short in its last frame of MPEG audio; mend or remove the file"
        return ""

    @property
    def is_as_stated(self) -> bool:
        """Whether its own count of frames can be trusted."""
        near = self.stated is not None and abs(self.frames - self.stated) <= 1
        return near and self.described == 1 and len(self.runs) == 1

    def take(self, frame: Frame) -> None:
        """Add a frame of audio."""
        self.frames += 1
        self.first = self.first or frame
        if (frame.rate, frame.channels) != (self.first.rate, self.first.channels) and self.changed is None:
            self.changed = frame.start
        start = self.runs.pop()[0] if self.runs and self.runs[-1][1] == frame.start else frame.start
        self.runs.append((start, frame.start + frame.size))


def is_mpeg(head: bytes) -> bool:
    """Whether libsndfile takes a file that begins so, after ID3 tags, for MPEG audio."""
    return frame_at(head, 0) is not None


def id3_size(file: IO[bytes]) -> int:
    """Bytes of the ID3v2 tags that a file begins with."""
    at = 0
    while (file.seek(at), head := file.read(10))[1][:3] == b"ID3" and len(head) == 10:
        at += _tag_size(head)
    return at


def scan(path: Path) -> Stream:
    """Find the frames of a file; none when it has no MPEG audio, or one whose frames' sizes are not said."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _scan(data)


def audio_bytes(path: Path, stream: Stream) -> Iterator[bytes]:
    """The frames of audio that `scan` found in a file, and nothing else of it."""
    with path.open("rb") as file:
        for start, stop in stream.runs:
            file.seek(start)
            while start < stop and (data := file.read(min(PIECE, stop - start))):
                start += len(data)
                yield data


def frame_at(data: bytes | mmap.mmap, at: int) -> Frame | None:
    """The frame that begins at a byte; None where none does."""
    header = data[at : at + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    index, rate_index = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 0 or not 0 < index < 15 or rate_index == 3:
        return None
    first_version = version == 3
    rate = RATES[version][rate_index]
    bitrate = 1000 * BITRATES[first_version, layer][index - 1]
    padding = header[2] >> 1 & 1
    mono = header[3] >> 6 == 3
    if layer == 3:
        samples, size = 384, 4 * (12 * bitrate // rate + padding)
    else:
        samples = 1152 if first_version or layer == 2 else 576
        size = samples // 8 * bitrate // rate + padding
    side = (17 if mono else 32) if first_version else (9 if mono else 17)
    return Frame(at, size, samples, rate, 1 if mono else 2, layer, side + (0 if header[1] & 1 else 2))


def _scan(data: mmap.mmap) -> Stream:
    stream, at = Stream(), 0
    while at < len(data):
        if len(head := data[at : at + 10]) == 10 and head[:3] == b"ID3":
            at += _tag_size(head)
            continue
        frame = frame_at(data, at)
        if frame and not stream.frames and not stream.described and not _is_followed(data, frame):
            frame = None
        if frame is None or (stream.first and frame.layer != stream.first.layer):
            following = _next(data, at, stream.first)
            if following is None:
                if len(data) - at > sum(stop - start for start, stop in stream.runs):
                    stream.damaged = at if stream.frames else None
                break
            if stream.first and not _is_tag(data, at, following) and stream.damaged is None:
                stream.damaged = at
            at = following
            continue
        if at + frame.size > len(data):
            stream.cut = True
            break
        described, count = _description(data, frame)
        stream.described += described
        if not described:
            stream.take(frame)
        elif stream.stated is None:
            stream.stated = count
        at += frame.size
    return stream


def _next(data: mmap.mmap, at: int, first: Frame | None) -> int | None:
    """Where the next frame begins, which another one or the end follows; None when there is none."""
    for start in range(at, min(len(data), at + SEARCHED)):
        frame = frame_at(data, start)
        if frame is None or (first and frame.layer != first.layer):
            continue
        if _is_followed(data, frame):
            return start
    return None


def _is_followed(data: mmap.mmap, frame: Frame) -> bool:
    """Whether another frame or the end of the file follows, or the end cuts it: by chance few bytes look like one."""
    end = frame.start + frame.size
    return end >= len(data) or frame_at(data, end) is not None or data[end : end + 16].startswith(TAGS)


def _is_tag(data: mmap.mmap, start: int, stop: int) -> bool:
    return data[start : min(stop, start + 16)].startswith(TAGS)


def _tag_size(head: bytes) -> int:
    """Bytes of an ID3v2 tag, which begins with these 10."""
    size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _description(data: mmap.mmap, frame: Frame) -> tuple[bool, int | None]:
    """Whether a frame only describes the stream, and how many frames it says there are."""
    if frame.layer != LAYER_3:
        return False, None
    tag = frame.start + 4 + frame.side
    if data[tag : tag + 4] in (b"Xing", b"Info"):
        flags, count = struct.unpack(">II", data[tag + 4 : tag + 12])
        return True, count if flags & 1 else None
    return data[frame.start + 36 : frame.start + 40] == b"VBRI", None
