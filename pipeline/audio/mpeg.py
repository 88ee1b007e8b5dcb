"""MPEG audio (MP3): its frames, counted in the file, since what its headers say of its length may be wrong or missing.

libsndfile decodes as many samples as an Info or Xing frame says, or, without one, as many as a constant bit rate would
give: a file of variable bit rate loses its end then, and of two files in one the second is not read. So the frames are
counted here, and where the count differs libsndfile gets them, without the Info frame, through a pipe.
"""

import mmap
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
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
"""bytes in which the first frame, or the next one after a tag, is looked for; libmpg123 looks in as many"""

TRIED = 1 << 16
"""places of a file, at most, that are tried when its frames are looked for: else a file of junk takes hours"""

MOST_TAGS = 1000
"""of a file"""

SYNC = re.compile(rb"\xff[\xe2-\xff]")
"""what each frame begins with"""

PIECE = 1 << 16
"""bytes read at once"""


@dataclass(frozen=True)
class Frame:
    """A frame's header."""

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
        stated_bytes: how many bytes it says they have; None where it does not.
        info: bytes of that frame.
        described: how many frames describe the stream.
        cut: whether the last frame is not whole.
        damaged: where something that is no frame and no tag begins; None when there is no such place.
        lead: bytes before the first frame that are no tag, which libmpg123 must skip.
        crowded: whether there are more than `MOST_TAGS` tags.
        changed: where the sampling rate or the number of channels changes.
    """

    runs: list[tuple[int, int]] = field(default_factory=list)
    frames: int = 0
    first: Frame | None = None
    stated: int | None = None
    stated_bytes: int | None = None
    info: int = 0
    described: int = 0
    cut: bool = False
    damaged: int | None = None
    lead: int = 0
    crowded: bool = False
    changed: int | None = None

    @property
    def complaint(self) -> str:
        """What is wrong with the file; "" when nothing is."""
        if self.changed is not None:
            return f"changes its sampling rate or channels at byte {self.changed}; split it into one file of each"
        if self.crowded:
            return f"has more than {MOST_TAGS} tags between its frames; mend or remove the file"
        if self.damaged is not None:
            return f"is damaged at byte {self.damaged}, where no MPEG audio follows; mend or remove the file"
        if self.stated is not None and self.frames < self.stated and not self._counts_info:
            return (
                f"is cut short, {self.frames} of {self.stated} frames of MPEG audio are there; mend or remove the file"
            )
        if self.cut:
            return "is cut short in its last frame of MPEG audio; mend or remove the file"
        return ""

    @property
    def is_as_stated(self) -> bool:
        """Whether its own count of frames can be trusted."""
        counted = self.frames == self.stated or self._counts_info
        return counted and self.described == 1 and len(self.runs) == 1 and self.lead <= SEARCHED

    @property
    def _counts_info(self) -> bool:
        """Whether the one frame more that is stated is the Info frame: by the count of bytes, none is missing."""
        audio = sum(stop - start for start, stop in self.runs)
        return self.stated == self.frames + 1 and self.stated_bytes in (audio, audio + self.info)

    def take(self, at: int, frame: Frame) -> None:
        """Add the frame of audio that begins at a byte."""
        self.frames += 1
        self.first = self.first or frame
        if (frame.rate, frame.channels) != (self.first.rate, self.first.channels) and self.changed is None:
            self.changed = at
        start = self.runs.pop()[0] if self.runs and self.runs[-1][1] == at else at
        self.runs.append((start, at + frame.size))


def is_mpeg(head: bytes) -> bool:
    """Whether libsndfile takes a file that begins so, after ID3 tags, for MPEG audio."""
    return frame_at(head, 0) is not None


def id3_size(file: IO[bytes]) -> int:
    """Bytes of the ID3v2 tags that a file begins with."""
    at = 0
    for _ in range(MOST_TAGS):
        file.seek(at)
        head = file.read(10)
        if head[:3] != b"ID3" or len(head) < 10:
            break
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
    return _frame(data[at : at + 4])


@lru_cache(4096)
def _frame(header: bytes) -> Frame | None:
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
    return Frame(size, samples, rate, 1 if mono else 2, layer, side + (0 if header[1] & 1 else 2))


def _scan(data: mmap.mmap) -> Stream:
    stream, search, at, tags = Stream(), _Search(data), 0, 0
    while at < len(data) and stream.damaged is None and stream.changed is None:
        frame = frame_at(data, at)
        if frame and not stream.frames and not stream.described and not search.is_followed(at, frame):
            frame = None
        if frame is None or (stream.first and frame.layer != stream.first.layer):
            tags += 1
            if tags > MOST_TAGS:
                stream.crowded = True
                break
            at = _behind(stream, search, at)
        elif at + frame.size > len(data):
            stream.cut = True
            break
        else:
            _add(data, stream, at, frame)
            at += frame.size
    return stream


def _add(data: mmap.mmap, stream: Stream, at: int, frame: Frame) -> None:
    described, count, size = _description(data, at, frame)
    stream.described += described
    if not described:
        stream.take(at, frame)
    elif stream.stated is None:
        stream.stated, stream.stated_bytes, stream.info = count, size, frame.size


def _behind(stream: Stream, search: "_Search", at: int) -> int:
    """Where the audio goes on behind what is no frame; whether that is damage is noted."""
    data = search.data
    if len(head := data[at : at + 10]) == 10 and head[:3] == b"ID3":
        return at + _tag_size(head)
    start = zeros_end(data, at)
    following = start if start == len(data) else search.next(start, stream.first)
    if following is None:
        if stream.frames and len(data) - at > sum(stop - start for start, stop in stream.runs):
            stream.damaged = at
        return len(data)
    if not stream.described and not stream.frames:
        stream.lead += following - at
    if stream.first and following < len(data) and not _is_tag(data, at, following):
        stream.damaged = at
    return following


def zeros_end(data: bytes | mmap.mmap, at: int) -> int:
    """Where zero bytes end, which may begin at a byte."""
    while at < len(data):
        piece = data[at : at + PIECE]
        if rest := len(piece.lstrip(b"\0")):
            return at + len(piece) - rest
        at += len(piece)
    return at


class _Search:
    """The search for frames in a file that is damaged or has tags; it ends after `TRIED` places.

    Args:
        data: the file.
    """

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self._left = TRIED

    def next(self, at: int, first: Frame | None) -> int | None:
        """Where the next frame begins, which another one or the end follows; None when there is none."""
        for match in SYNC.finditer(self.data, at, min(len(self.data), at + SEARCHED)):
            if not self._left:
                return None
            self._left -= 1
            frame = frame_at(self.data, match.start())
            if frame and (not first or frame.layer == first.layer) and self.is_followed(match.start(), frame):
                return match.start()
        return None

    def is_followed(self, at: int, frame: Frame) -> bool:
        """Whether another frame or the end of the file follows, or the end cuts it: by chance few bytes look so."""
        end = at + frame.size
        following = self.data[end : end + 16]
        return end >= len(self.data) or _frame(following[:4]) is not None or following.startswith(TAGS)


def _is_tag(data: mmap.mmap, start: int, stop: int) -> bool:
    return data[start : min(stop, start + 16)].startswith(TAGS)


def _tag_size(head: bytes) -> int:
    """Bytes of an ID3v2 tag, which begins with these 10."""
    size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _description(data: mmap.mmap, start: int, frame: Frame) -> tuple[bool, int | None, int | None]:
    """Whether a frame only describes the stream, and how many frames and bytes it says there are."""
    if frame.layer != LAYER_3:
        return False, None, None
    tag = start + 4 + frame.side
    if data[tag : tag + 4] in (b"Xing", b"Info") and tag + 16 <= len(data):
        flags, count, size = struct.unpack(">III", data[tag + 4 : tag + 16])
        return True, count if flags & 1 else None, size if flags & 3 == 3 else None
    return data[start + 36 : start + 40] == b"VBRI", None, None
