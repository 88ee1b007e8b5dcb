"""Files appear under their final name whole, or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from pipeline.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well, flush it to disk and rename it to `path`.

    Renaming also keeps a hard- or symlinked cached version of the old file as it was.

    Raises:
        UserError: the disk is full.
    """
    with renamed_path(path) as temporary:
        yield temporary
        _flush(temporary)
    if os.name == "posix":
        _flush(path.parent)  # the new name, too, outlasts a power cut


@contextmanager
def renamed_path(path: Path) -> Iterator[Path]:
    """The same without waiting for the disk, for files that carry their own checksum: a power cut may damage one.

    Raises:
        UserError: the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with _room_for(path):
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def scratch_file(path: Path) -> Iterator[IO[bytes]]:
    """Give an open temporary file beside `path`, which has no name where the system allows it, and is gone at the end.

    Raises:
        UserError: the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _room_for(path), TemporaryFile(dir=path.parent) as file:
        yield file


@contextmanager
def _room_for(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        for code in FULL:
            if error.errno == code or os.strerror(code) in str(error):
                raise UserError(f"{path}: {os.strerror(code).lower()}; make room and run again, to go on") from error
        raise


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
