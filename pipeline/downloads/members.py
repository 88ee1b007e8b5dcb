"""What zip and tar archives hold, as files and folders alone: links, devices and encrypted files are refused."""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipeline.errors import UserError

CHUNK = 1 << 20
BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError)
"""what Python's readers raise where an archive is cut short or damaged"""
UNREADABLE = (NotImplementedError, RuntimeError, ValueError, OverflowError)
"""what they raise of a kind of packing that they do not know"""


@dataclass(frozen=True)
class Member:
    """A file in an archive, or a folder, which has no content."""

    name: str
    """as the archive has it"""
    content: IO[bytes] | None

    def chunks(self) -> Iterator[bytes]:
        """Its content, piece by piece.

        Raises:
            UserError: it is damaged.
        """
        with _readable():
            while self.content is not None and (chunk := self.content.read(CHUNK)):
                yield chunk


def members(archive: Path) -> Iterator[Member]:
    """Yield what an archive holds, in its order; the content of one is to be read before the next is taken.

    Raises:
        UserError: it is no zip and no tar, is damaged, or holds what is neither a file nor a folder.
    """
    with _readable():
        if zipfile.is_zipfile(archive):
            yield from _zip_members(archive)
        elif tarfile.is_tarfile(archive):
            yield from _tar_members(archive)
        else:
            raise UserError(_what_it_is(archive))


def stated_size(archive: Path) -> int:
    """Bytes that an archive says it holds; of a tar, which would have to be read whole, its own size.

    Raises:
        UserError: it is damaged.
    """
    with _readable():
        if not zipfile.is_zipfile(archive):
            return archive.stat().st_size
        with zipfile.ZipFile(archive) as file:
            return sum(info.file_size for info in file.infolist())


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk, not of the archive
        raise UserError(f"is damaged ({error or type(error).__name__})") from error
    except UNREADABLE as error:
        raise UserError(f"is packed in a way that cannot be read ({error})") from error


def _zip_members(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            _check_zip_member(info)
            if info.is_dir():
                yield Member(info.filename, None)
                continue
            with file.open(info) as content:
                yield Member(info.filename, content)


def _check_zip_member(info: zipfile.ZipInfo) -> None:
    if "\0" in info.orig_filename:
        raise UserError(f"{info.orig_filename!r} is no file name")
    if info.flag_bits & 0x1:
        raise UserError(f"{info.filename!r} is encrypted")
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a link" if stat.S_ISLNK(mode) else "neither a file nor a folder"
        raise UserError(f"{info.filename!r} is {what}")


def _tar_members(archive: Path) -> Iterator[Member]:
    with tarfile.open(archive, "r|*", errorlevel=1) as file:
        for info in file:
            if info.isdir():
                yield Member(info.name, None)
                continue
            if not info.isreg() or info.issparse():
                raise UserError(f"{info.name!r} is {_tar_kind(info)}")
            content = file.extractfile(info)
            if content is not None:
                yield Member(info.name, content)


def _tar_kind(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return f"a link to {info.linkname!r}"
    return "a sparse file" if info.issparse() else "a device or a pipe"


def _what_it_is(archive: Path) -> str:
    with archive.open("rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page and no archive: its host may ask for something first"
    return "is neither a zip nor a tar"
