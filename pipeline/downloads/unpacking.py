"""An archive unpacked into a folder of its own, with limits on how much comes out of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pipeline.downloads.member_names import MemberNames
from pipeline.downloads.members import Member, members, stated_size
from pipeline.errors import UserError

MOST_FILES = 500_000
LARGEST_RATIO = 200
"""of bytes that come out to those of the archive; recordings are packed to a half or so, silence to a hundredth"""
TOP = PurePosixPath()
UNSUSPECTED = 10**7
"""bytes that may come out of an archive whatever its own size"""


class BrokenArchiveError(UserError):
    """An archive is damaged, or not to be unpacked."""


@dataclass
class Unpacking:
    """What comes out of a corpus's archives, all in one folder.

    Args:
        folder: an empty folder.
        most: bytes that may come out, of all archives together.
    """

    folder: Path
    most: int
    files: int = 0
    bytes: int = 0
    names: MemberNames = field(default_factory=MemberNames)

    def unpack(self, archive: Path, into: PurePosixPath = TOP) -> None:
        """Write the files of an archive below `into`, which is relative to the folder.

        Raises:
            BrokenArchiveError: it is damaged, or holds too much or what is not to be unpacked; the message names it.
        """
        most = min(self.most, self.bytes + max(LARGEST_RATIO * archive.stat().st_size, UNSUSPECTED))
        with _named(archive):
            for member in members(archive):
                self._count_file()
                self._write(member, into, most)

    def unpack_inner(self, name: str) -> None:
        """Unpack an archive that came out of another where it lies, and remove it.

        Raises:
            BrokenArchiveError: there is none of that name; or as `unpack`.
        """
        archive = self.folder / name
        if not archive.is_file():
            raise BrokenArchiveError(f"{name}: is not in the archive; nothing of it is kept")
        self.unpack(archive, PurePosixPath(name).parent)
        archive.unlink()

    def _write(self, member: Member, into: PurePosixPath, most: int) -> None:
        name = f"{into}/{member.name}" if into.parts else member.name
        target = self.folder / self.names.claim(name, folder=member.content is None)
        if member.content is None:
            target.mkdir(parents=True, exist_ok=True)
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            for chunk in member.chunks():
                self._count_bytes(len(chunk), most)
                file.write(chunk)

    def _count_file(self) -> None:
        self.files += 1
        if self.files > MOST_FILES:
            raise UserError(f"holds more than {MOST_FILES} files")

    def _count_bytes(self, count: int, most: int) -> None:
        self.bytes += count
        if self.bytes > most:
            raise UserError(f"more than {most} bytes come out of it")


def unpacked_size(archive: Path) -> int:
    """Bytes that an archive says it holds; of a tar, its own size.

    Raises:
        BrokenArchiveError: it is damaged.
    """
    with _named(archive):
        return stated_size(archive)


@contextmanager
def _named(archive: Path) -> Iterator[None]:
    """Say of which archive an error is."""
    try:
        yield
    except UserError as error:
        raise BrokenArchiveError(f"{archive.name}: {error}; nothing of it is kept") from error
