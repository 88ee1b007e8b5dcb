"""What the files of recordings say of their length, and what libsndfile is given to read of them.

libsndfile decodes no more samples than a header says. Where that can be too few, it is not shown the header's count: of
a FLAC file it is hidden, and the frames of an MP3 file come through a pipe, all of which is decoded.
"""

import mmap
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO, Literal

from pipeline.audio import mpeg
from pipeline.audio.suffixes import advice
from pipeline.errors import UserError

UNKNOWN_LENGTH = 0x7FFF0000
"""bytes; a WAV header that was written to a pipe says this or more, and is right for every length"""

CUT_SHORT = re.compile(r"^ *(?:data|SSND|BODY|Data Size|riff) *: (\d+) \(should be (\d+)\)$", re.MULTILINE)
"""in libsndfile's log of a file with fewer bytes of audio than its header says; its frame count hides it"""

FEWER_FRAMES = re.compile(r"frame count (\d+) does not match value from 'ds64' chunk of (\d+)")
"""in libsndfile's log of an RF64 file"""

SPHERE_COUNT = re.compile(rb"^sample_count -i (\d+)$", re.MULTILINE)

HEAD = 1024
"""bytes by which a file is recognised"""

PIECE = 1 << 16
"""bytes read at once"""

MOST_CHUNKS = 10_000
"""of a file"""

SLACK = 64
"""bytes behind the audio that are no chunk, and may be there"""

FLAC_FRAMES = slice(18, 26)
"""bytes of a FLAC file whose last 36 bits are the number of frames; 0 is for a length not known"""

FLAC_COUNT = range(21, 26)
"""bytes in which those bits are"""

FLAC_MOST = (1 << 36) - 1

LFS = b"version https://git-lfs.github.com/spec/"
ANNEX = b"/annex/objects/"

FOREIGN = (
    (4, b"ftyp", "MPEG-4 audio"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media audio"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (0, b"#!AMR", "AMR audio"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"wvpk", "WavPack audio"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
)
"""where a file has which bytes, and what it is then"""


@dataclass(frozen=True)
class Source:
    """What libsndfile is to read.

    Attributes:
        file: a path or a file to read.
        promised: frames that the header promises; None where it promises none, or libsndfile knows of them.
    """

    file: "str | _UnsizedFLAC"
    promised: int | None = None


@contextmanager
def source(path: Path) -> Iterator[Source]:
    """Open what is to be read of a recording.

    Raises:
        UserError: the file is no audio for a known reason, is damaged or cut short, or holds several streams.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
        start = mpeg.id3_size(file)
        file.seek(start)
        first = file.read(HEAD)
    _check_known(path, head)
    promised = None
    if mpeg.is_mpeg(first) or (start and first[:4] != b"fLaC"):
        with _mpeg_source(path) as file:
            yield Source(file)
        return
    if first[:4] == b"fLaC" and len(first) > FLAC_FRAMES.stop:
        with path.open("rb") as file:
            yield Source(_UnsizedFLAC(file, start), int.from_bytes(first[FLAC_FRAMES], "big") & FLAC_MOST or None)
        return
    if head[:4] == b"OggS":
        _check_ogg(path)
    elif head[:4] in (b"RIFF", b"RIFX", b"FORM"):
        _check_chunks(path, "big" if head[:4] in (b"RIFX", b"FORM") else "little")
    elif head[:7] == b"NIST_1A" and (count := SPHERE_COUNT.search(head)):
        promised = int(count[1])
    yield Source(str(path), promised)


def check_log(path: Path, log: str) -> None:
    """Look in libsndfile's log for what its frame count hides.

    Raises:
        UserError: the file has less audio than its header says.
    """
    for match in CUT_SHORT.finditer(log):
        if int(match[2]) < int(match[1]) < UNKNOWN_LENGTH:
            raise UserError(f"{path}: is cut short, its header says {match[1]} bytes of audio; mend or remove the file")
    if (fewer := FEWER_FRAMES.search(log)) and int(fewer[1]) < int(fewer[2]):
        raise UserError(f"{path}: is cut short, {fewer[1]} of {fewer[2]} samples are there; mend or remove the file")


def _check_known(path: Path, head: bytes) -> None:
    if not head:
        raise UserError(f"{path}: is empty; mend or remove the file")
    if head.startswith(LFS):
        raise UserError(f"{path}: is a Git LFS pointer, not the recording; run `git lfs pull` in its repository")
    if len(head) < HEAD and ANNEX in head and head.lstrip(b"./").startswith((b"annex", b"git/annex")):
        raise UserError(f"{path}: is a git-annex pointer, not the recording; run `git annex get` in its repository")
    for at, mark, what in FOREIGN:
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


class _UnsizedFLAC:
    """A FLAC file whose header does not say how many frames there are: libsndfile then decodes it to its end.

    Args:
        file: the file.
        start: where its audio begins, after an ID3 tag.
    """

    def __init__(self, file: IO[bytes], start: int) -> None:
        self._file, self._start = file, start
        file.seek(start)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset + (0 if whence else self._start), whence) - self._start

    def tell(self) -> int:
        return self._file.tell() - self._start

    def read(self, size: int) -> bytes:
        at = self.tell()
        data = bytearray(self._file.read(size))
        for i in range(max(at, FLAC_COUNT.start), min(at + len(data), FLAC_COUNT.stop)):
            data[i - at] &= 0xF0 if i == FLAC_COUNT.start else 0
        return bytes(data)


def _check_ogg(path: Path, start: int = 0) -> None:
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


def _check_chunks(path: Path, order: Literal["little", "big"]) -> None:
    """Walk over the chunks of a RIFF or AIFF file: what stands behind the audio are chunks, too."""
    size, at, audio = path.stat().st_size, 12, None
    with path.open("rb") as file:
        whole = int.from_bytes(file.read(8)[4:], order)
        for _ in range(MOST_CHUNKS):
            if at + 8 > size:
                return
            file.seek(at)
            name, length = file.read(4), int.from_bytes(file.read(4), order)
            if audio is not None and name == bytes(4):
                at = _zeros_end(file, at)
                continue
            if audio is not None and not _is_chunk(name, length, size - at):
                if size - at > SLACK and whole > 8:  # libsndfile mends a file that was never closed
                    raise UserError(
                        f"{path}: holds more than the {audio} bytes of audio that its header says; "
                        "mend or remove the file"
                    )
                return
            if name in (b"data", b"SSND"):
                audio = length
            at += 8 + length + length % 2
    raise UserError(f"{path}: has more than {MOST_CHUNKS} chunks; mend or remove the file")


def _zeros_end(file: IO[bytes], at: int) -> int:
    """Where zero bytes end that begin at a byte: recorders put them behind the audio, many millions at times."""
    file.seek(at)
    while piece := file.read(PIECE):
        if rest := len(piece.lstrip(b"\0")):
            return file.tell() - rest
    return file.tell()


def _is_chunk(name: bytes, length: int, left: int) -> bool:
    readable = all(32 <= byte < 127 for byte in name)
    return name.startswith((b"TAG", b"ID3")) or (readable and length + 8 <= left)


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
