"""The digest of a checkpoint's files, not read again while the file system says that they are as they were."""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.features.ssl.checkpoint import LOADED, files_digest

SETTLED = 2_000_000_000
"""How long ago a file's last change must be when it is read (ns): no file system's clock ticks more slowly, and another
change in the same tick would not show."""
TAIL = 1 << 16
"""bytes at a file's end that are always read: other weights have others there, whatever a file system says"""

Marks = tuple[tuple[str | int, ...], ...]


@dataclass(frozen=True)
class KnownFiles:
    """What may be loaded of a folder.

    Attributes:
        digest: hex SHA-256 of names and bytes, see `files_digest`.
        marks: of each file its name, bytes, times of the last change of these and of its entry (ns), where it is, and
            hex SHA-256 of its end; none where they prove nothing.
    """

    digest: str
    marks: Marks = ()

    def note(self) -> dict[str, Any]:
        """It as plain values, fit for JSON."""
        return {"digest": self.digest, "marks": [list(one) for one in self.marks]}


def known_files(folder: Path, model: str, note: Path) -> KnownFiles:
    """The files of a folder: as noted where they are as they were then, and else read.

    As git does of its index, times of the entry (ctime) are looked at, which few programs can set. On Windows, which
    has none, files are always read. Some file systems (FAT) have none either: there a change of the file that keeps
    size, time and end is not seen.

    Args:
        folder: the checkpoint's.
        model: its name, for messages.
        note: a file with `KnownFiles.note` under `files`, if it is there.

    Raises:
        UserError: what should be a file is none, or cannot be read.
    """
    settled = time.time_ns() - SETTLED
    before = _marks(folder, settled)
    noted = _noted(note) if before else None
    if noted is not None and noted.marks == before:
        return noted
    digest = files_digest(folder, model)
    return KnownFiles(digest, before if before == _marks(folder, settled) else ())


def _marks(folder: Path, settled: int) -> Marks:
    """The marks of files, none of which has changed since `settled` (ns); else, or where these prove nothing, none."""
    if os.name == "nt":
        return ()
    try:
        found = tuple(_mark(path) for path in sorted(folder.iterdir()) if path.suffix in LOADED and path.is_file())
    except OSError:  # which reading them says in words
        return ()
    return found if all(max(changed, entered) < settled for _, _, changed, entered, *_ in found) else ()


def _mark(path: Path) -> tuple[Any, ...]:
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        file.seek(max(status.st_size - TAIL, 0))
        end = hashlib.sha256(file.read(TAIL)).hexdigest()
    changes = (status.st_mtime_ns, status.st_ctime_ns)
    return (path.name, status.st_size, *changes, status.st_ino, status.st_dev, end)


def _noted(note: Path) -> KnownFiles | None:
    """What is noted; None where that is not to be had."""
    try:
        noted: Mapping[str, Any] = json.loads(note.read_text(encoding="utf-8"))["files"]
        return KnownFiles(str(noted["digest"]), tuple(tuple(one) for one in noted["marks"]))
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return None
