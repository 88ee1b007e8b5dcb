"""What the files of recordings say of their length, and what libsndfile is given to read of them.

libsndfile decodes no more samples than a header says. Where that can be too few, it is not shown the header's count: of
a FLAC file it is hidden, of a file that was never closed it is put right, and the frames of an MP3 file come through a
pipe, all of which is decoded. A header that says less than there is, is refused (`chunks.py`).
"""

import mmap
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO

from pipeline.audio import chunks, mpeg
from pipeline.audio.suffixes import advice
from pipeline.errors import UserError

CUT_SHORT = re.compile(r"^ *(?:data|SSND|BODY|Data Size|riff) *: (\d+) \(should be (\d+)\)$", re.MULTILINE)
"""in libsndfile's log of a file with fewer bytes of audio than its header says; its frame count hides it"""

FEWER_FRAMES = re.compile(r"frame count (\d+) does not match value from 'ds64' chunk of (\d+)")
"""in libsndfile's log of an RF64 file"""

SPHERE_COUNT = re.compile(rb"^sample_count -i (\d+)$", re.MULTILINE)

HEAD = 1024
"""bytes by which a file is recognised"""

FLAC_FRAMES = slice(18, 26)
"""bytes of a FLAC file whose last 36 bits are the number of frames; 0 is for a length not known"""

FLAC_MOST = (1 << 36) - 1

MARKS = (*chunks.LAYOUTS, *chunks.AU, chunks.VOC, b"fLaC", b"OggS", b"riff", b"NIST_1A", b"2BIT")
"""first bytes of files that are not MPEG audio, also behind an ID3 tag"""

MPEG_SUFFIXES = (".mp2", ".mp3", ".mpga")
"""by which libsndfile takes a file for MPEG audio"""

LFS = b"version https://git-lfs.github.com/spec/"
ANNEX = b"/annex/objects/"

FOREIGN = (
    (4, b"ftyp", "MPEG-4 audio"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media audio"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (0, b"ADIF", "AAC audio"),
    (0, b"#!AMR", "AMR audio"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"wvpk", "WavPack audio"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
)
"""where a file has which bytes, and what it is then"""

ID3V1 = 128
"""bytes of an ID3v1 tag, the last of a file"""

ADTS = (b"\xff\xf0", b"\xff\xf1", b"\xff\xf8", b"\xff\xf9")
"""what a frame of AAC audio begins with, and none of MPEG audio layers I to III"""


@dataclass(frozen=True)
class Source:
    """What libsndfile is to read.

    Attributes:
        file: a path or a file to read.
        promised: frames that the header promises; None where it promises none, or libsndfile knows of them.
    """

    file: "str | _Part"
    promised: int | None = None


@contextmanager
def source(path: Path) -> Iterator[Source]:
    """Open what is to be read of a recording, which may stand behind ID3 tags.

    Raises:
        UserError: the file is no audio for a known reason, is damaged or cut short, or holds several streams.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        start = mpeg.id3_size(file)
        file.seek(start)
        head = file.read(HEAD)
        if not start or head:
            _check_known(path, head)
        if not head.startswith(MARKS) and (start or mpeg.is_mpeg(head) or _is_mpeg_otherwise(path, file, head)):
            with _mpeg_source(path) as frames:
                yield Source(frames)
            return
        changes, promised = _header(path, start, head)
        end = _flac_end(file) if head[:4] == b"fLaC" else None
        yield Source(_Part(file, start, changes, end) if start or changes else str(path), promised)


def _header(path: Path, start: int, head: bytes) -> tuple[chunks.Changes, int | None]:
    """What a header must say instead, and how many frames it promises."""
    if head[:4] == b"fLaC" and len(head) > FLAC_FRAMES.stop:
        unsized = {21: bytes([head[21] & 0xF0, 0, 0, 0, 0])}
        return unsized, int.from_bytes(head[FLAC_FRAMES], "big") & FLAC_MOST or None
    if head[:4] == b"OggS":
        _check_ogg(path, start)
    elif head[:7] == b"NIST_1A" and (count := SPHERE_COUNT.search(head)):
        return {}, int(count[1])
    elif head[:4] == b"2BIT":
        return {}, int.from_bytes(head[26:30], "big")
    return chunks.changes(path, start, head), None


def _flac_end(file: IO[bytes]) -> int:
    """Where a FLAC file ends but for an ID3v1 tag, in which libsndfile would look for a frame of audio."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - ID3V1))
    return size - ID3V1 if file.read(3) == b"TAG" else size


def _is_mpeg_otherwise(path: Path, file: IO[bytes], head: bytes) -> bool:
    """Whether a file begins as MPEG audio behind zeros, or is taken for it by its name alone."""
    if path.suffix.lower() in MPEG_SUFFIXES:
        return True
    file.seek(chunks.zeros_end(file, 0) if head[:1] == b"\0" else 0)
    return mpeg.is_mpeg(file.read(4))


def check_log(path: Path, log: str) -> None:
    """Look in libsndfile's log for what its frame count hides.

    Raises:
        UserError: the file has less audio than its header says.
    """
    for match in CUT_SHORT.finditer(log):
        if int(match[2]) < int(match[1]) < chunks.UNKNOWN_LENGTH:
            raise UserError(f"{path}: is cut short, its header says {match[1]} bytes of audio; mend or remove the file")
    if (fewer := FEWER_FRAMES.search(log)) and int(fewer[1]) < int(fewer[2]):
        raise UserError(f"{path}: is cut short, {fewer[1]} of {fewer[2]} samples are there; mend or remove the file")


def absence(path: Path) -> str:
    """Why a file has nothing of its recording, as far as its beginning tells; "" where it has something."""
    with path.open("rb") as file:
        return _absence(file.read(HEAD))


def _absence(head: bytes) -> str:
    if not head:
        return "is empty; mend or remove the file"
    if head.startswith(LFS):
        return "is a Git LFS pointer, not the recording; run `git lfs pull` in its repository"
    if len(head) < HEAD and ANNEX in head and head.lstrip(b"./").startswith((b"annex", b"git/annex")):
        return "is a git-annex pointer, not the recording; run `git annex get` in its repository"
    return ""


def _check_known(path: Path, head: bytes) -> None:
    if why := _absence(head):
        raise UserError(f"{path}: {why}")
    for at, mark, what in (*FOREIGN, *((0, mark, "AAC audio") for mark in ADTS)):
        if head[at : at + len(mark)] == mark:
            raise UserError(f"{path}: is {what}, which cannot be read; {advice(path.suffix)}")


@contextmanager
def _mpeg_source(path: Path) -> Iterator[str]:
    """The file itself where libsndfile reads all of it, and else a pipe with the frames of audio in it."""
    stream = mpeg.scan(path)
    if stream.complaint:
        raise UserError(f"{path}: {stream.complaint}")
    if not stream.frames:
        raise UserError(f"{path}: cannot be read as audio (it has no frame of MPEG audio); mend or remove the file")
    if stream.is_as_stated:
        yield str(path)
        return
    with _pipe(mpeg.audio_bytes(path, stream)) as reading:
        yield reading


class _Part:
    """A file from a byte on, with other bytes in its header, for libsndfile to read.

    Args:
        file: the file.
        start: where the part begins.
        changes: byte of the part -> what is read there.
        end: where the part ends in the file; None where the file does.
    """

    def __init__(self, file: IO[bytes], start: int, changes: chunks.Changes, end: int | None = None) -> None:
        self._file, self._start, self._changes = file, start, changes
        self._end = file.seek(0, os.SEEK_END) if end is None else end
        file.seek(start)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = (self._start, self._file.tell(), self._end)[whence]
        return self._file.seek(base + offset) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start

    def read(self, size: int) -> bytes:
        at = self.tell()
        data = bytearray(self._file.read(max(0, min(size, self._end - self._file.tell()))))
        for first, new in self._changes.items():
            for i in range(max(at, first), min(at + len(data), first + len(new))):
                data[i - at] = new[i - first]
        return bytes(data)


def _check_ogg(path: Path, start: int) -> None:
    """Walk over the pages of an Ogg file: one stream begins, and it ends."""
    begun, ended, at = 0, False, start
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        while (page := data[at : at + 27])[:4] == b"OggS" and len(page) == 27:
            begun += page[5] >> 1 & 1
            at += 27 + page[26] + sum(data[at + 27 : at + 27 + page[26]])
            ended = at <= len(data) and bool(page[5] & 4)
    if begun > 1:
        raise UserError(f"{path}: holds {begun} streams, of which one can be read; split it into one file of each")
    if not ended:
        raise UserError(f"{path}: is cut short, its last page is missing; mend or remove the file")


@contextmanager
def _pipe(pieces: Iterator[bytes]) -> Iterator[str]:
    """A pipe by its path: of a descriptor, libsndfile takes a file `._` in the working folder for the other fork."""
    reading, writing = os.pipe()
    feeder = Thread(target=_feed, args=(pieces, writing))
    feeder.start()
    try:
        yield f"/dev/fd/{reading}"
    finally:
        os.close(reading)
        feeder.join()


def _feed(pieces: Iterator[bytes], writing: int) -> None:
    with suppress(OSError), os.fdopen(writing, "wb") as pipe:
        pipe.writelines(pieces)
