"""What the headers of WAV, AIFF, CAF, AU, 8SVX and VOC files say of the length of their audio, held against the file.

A header that says less than there is, is wrong in an unknown way, and the file is refused. One that says nothing, as of
a recorder that was switched off before it closed its file, is right for every length.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from pipeline.audio.suffixes import advice
from pipeline.errors import UserError

Changes = dict[int, bytes]
"""byte of a header -> what must stand there"""

UNKNOWN_LENGTH = 0x7FFF0000
"""bytes; a WAV header that was written to a pipe says this or more, and is right for every length"""

PIECE = 1 << 16
"""bytes read at once"""

MOST_CHUNKS = 10_000
"""of a file"""

NOTES = (b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"_PMX", b"cue ", b"smpl", b"PEAK", b"fact", b"JUNK")
"""names of chunks that say something about the audio; of these, what is written wrong leaves the audio whole"""

SLACK = 64
"""bytes behind the audio that are no chunk, and may be there"""


@dataclass(frozen=True)
class Layout:
    """How the chunks of a format lie in a file.

    Attributes:
        order: of the bytes of numbers.
        first: byte at which the first chunk begins.
        width: bytes of a chunk's length.
        align: chunks begin at a multiple of this many bytes.
        audio: names of the chunk with the audio -> bytes in it before the audio.
    """

    order: Literal["little", "big"]
    first: int
    width: int
    align: int
    audio: dict[bytes, int]


LAYOUTS = {
    b"RIFF": Layout("little", 12, 4, 2, {b"data": 0}),
    b"RF64": Layout("little", 12, 4, 2, {b"data": 0}),
    b"RIFX": Layout("big", 12, 4, 2, {b"data": 0}),
    b"FORM": Layout("big", 12, 4, 2, {b"SSND": 8, b"BODY": 0}),
    b"caff": Layout("big", 8, 8, 1, {b"data": 4}),
}
"""first bytes of a file -> its layout"""

AU: dict[bytes, Literal["little", "big"]] = {b".snd": "big", b"dns.": "little"}
"""first bytes of an AU file -> order of its bytes"""

VOC = b"Creative Voice File"

VOC_AUDIO = (1, 2, 3, 9)
"""types of VOC blocks that are audio or silence"""


def changes(path: Path, start: int, head: bytes) -> Changes:
    """What a header that begins at a byte must say instead, to be true; nothing where it is as good as true.

    Args:
        path: the file.
        start: where its header begins.
        head: the header's first bytes.

    Raises:
        UserError: the file holds more than its header says, several recordings, or too many chunks.
    """
    with path.open("rb") as file:
        if (mark := head[:4]) in LAYOUTS:
            return _Chunks(path, file, start, mark).changes()
        if mark in AU:
            return _au_changes(path, file, start, head)
        if head.startswith(VOC):
            _check_voc(path, file, start, head)
    return {}


class _Chunks:
    """The chunks of a file.

    Args:
        path: the file.
        file: the same, open.
        start: where its header begins.
        mark: what it begins with.
    """

    def __init__(self, path: Path, file: IO[bytes], start: int, mark: bytes) -> None:
        self._path, self._file, self._start = path, file, start
        self._mark, self._layout = mark, LAYOUTS[mark]
        self._size = path.stat().st_size

    def changes(self) -> Changes:
        """Walk over them: what stands behind the audio are chunks, too."""
        at, audio = self._start + self._layout.first, None
        for _ in range(MOST_CHUNKS):
            if at + 4 + self._layout.width > self._size:
                return {}
            name, length = self._chunk(at)
            if audio and name == bytes(4):
                at = zeros_end(self._file, at)
                continue
            if audio and name in (self._mark, *self._layout.audio):
                raise UserError(
                    f"{self._path}: holds two recordings, the second at byte {at}, of which one can be read; "
                    "split it into one file of each"
                )
            if audio and not self._is_chunk(name, length, at):
                return self._more(*audio, at)
            if name in self._layout.audio:
                audio = (at, self._audio_length(length), self._layout.audio[name])
                if self._layout.width == 8 and length == (1 << 64) - 1:
                    return self._to_the_end(at)
                length = audio[1]
            at = self._behind(at + 4 + self._layout.width + length, -length % self._layout.align)
        raise UserError(f"{self._path}: has more than {MOST_CHUNKS} chunks; mend or remove the file")

    def _behind(self, end: int, padding: int) -> int:
        """Where the next chunk begins: some writers leave out the byte that pads an odd length."""
        if padding and self._chunk(end)[0] in NOTES:
            return end
        return end + padding

    def _chunk(self, at: int) -> tuple[bytes, int]:
        self._file.seek(at)
        return self._file.read(4), self._number(self._layout.width)

    def _number(self, width: int) -> int:
        return int.from_bytes(self._file.read(width), self._layout.order)

    def _audio_length(self, length: int) -> int:
        """Bytes of the chunk of audio: of an RF64 file, its first chunk says it."""
        if self._mark != b"RF64" or length < (1 << 32) - 1:
            return length
        self._file.seek(self._start + 28)
        return self._number(8)

    def _is_chunk(self, name: bytes, length: int, at: int) -> bool:
        readable = all(32 <= byte < 127 for byte in name)
        end = at + 4 + self._layout.width + length
        return name.startswith((b"TAG", b"ID3")) or name in NOTES or (readable and end <= self._size)

    def _more(self, at: int, length: int, before: int, end: int) -> Changes:
        """What is to be done about bytes behind the audio that are no chunk."""
        if self._size - end <= SLACK:
            return {}
        if length <= before and self._says_nothing(at):
            return self._to_the_end(at)
        raise more_than(self._path, length)

    def _says_nothing(self, at: int) -> bool:
        """Whether the length of the whole file does not reach beyond the header, or is not known."""
        if self._mark == b"caff":
            return True
        wide = self._mark == b"RF64"
        self._file.seek(self._start + (20 if wide else 4))
        whole = self._number(8 if wide else 4)
        return not at + 16 < self._start + 8 + whole < UNKNOWN_LENGTH

    def _to_the_end(self, at: int) -> Changes:
        left = self._size - at - 4 - self._layout.width
        if self._mark == b"RF64":
            return {28: left.to_bytes(8, "little")}
        width = self._layout.width
        return {at - self._start + 4: min(left, (1 << 8 * width) - 1).to_bytes(width, self._layout.order)}


def zeros_end(file: IO[bytes], at: int) -> int:
    """Where zero bytes end that begin at a byte: recorders put them behind the audio, many millions at times."""
    file.seek(at)
    while piece := file.read(PIECE):
        if rest := len(piece.lstrip(b"\0")):
            return file.tell() - rest
    return file.tell()


def more_than(path: Path, length: int) -> UserError:
    """A file has more audio than its header says."""
    return UserError(
        f"{path}: holds more than the {length} bytes of audio that its header says; mend or remove the file"
    )


def _au_changes(path: Path, file: IO[bytes], start: int, head: bytes) -> Changes:
    order = AU[head[:4]]
    first, length = (int.from_bytes(head[i : i + 4], order) for i in (4, 8))
    end = start + first + length
    if not length:
        return {8: b"\xff" * 4}
    if length < UNKNOWN_LENGTH and path.stat().st_size - zeros_end(file, end) > SLACK:
        raise more_than(path, length)
    return {}


def _check_voc(path: Path, file: IO[bytes], start: int, head: bytes) -> None:
    """Walk over the blocks of a VOC file, of which libsndfile reads the first one with audio."""
    at, audio = start + int.from_bytes(head[20:22], "little"), 0
    for _ in range(MOST_CHUNKS):
        file.seek(at)
        block = file.read(4)
        if len(block) < 4 or not block[0]:
            break
        audio += block[0] in VOC_AUDIO
        at += 4 + int.from_bytes(block[1:], "little")
    if audio > 1:
        raise UserError(f"{path}: holds {audio} blocks of audio, of which one can be read; {advice(path.suffix)}")
    if at > path.stat().st_size:
        raise UserError(f"{path}: is cut short, its header says {at - start} bytes; mend or remove the file")
    if path.stat().st_size - zeros_end(file, at) > SLACK:
        raise more_than(path, at - start)
