"""The digest of a checkpoint's files, not read again while the file system says that they are as they were."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.features.ssl.checkpoint import LOADED, files_digest

SETTLED = 2_000_000_000
"""How much older than the note of it a file's last change must be (ns): no file system's clock ticks more slowly, and a
change in the tick of the reading would not show."""

Marks = tuple[tuple[str | int, ...], ...]


@dataclass(frozen=True)
class KnownFiles:
    """What may be loaded of a folder.

    Attributes:
        digest: hex SHA-256 of names and bytes, see `files_digest`.
        marks: what the file system says of each: name, bytes, times of the last change of its bytes and of its entry
            (ns), and where it is; none where that proves nothing.
    """

    digest: str
    marks: Marks = ()

    def note(self) -> dict[str, Any]:
        """It as plain values, fit for JSON."""
        return {"digest": self.digest, "marks": [list(one) for one in self.marks]}


def known_files(folder: Path, model: str, note: Path) -> KnownFiles:
    """The files of a folder: as noted where they are as they were then, and else read.

    As git does of its index, times of the entry (ctime) are looked at, which no program can set; not on Windows, which
    has none.

    Args:
        folder: the checkpoint's.
        model: its name, for messages.
        note: a file with `KnownFiles.note` under `files`, if it is there.

    Raises:
        UserError: what should be a file is none, or cannot be read.
    """
    before = _marks(folder)
    noted = _noted(note) if before else None
    if noted is not None and noted.marks == before:
        return noted
    digest = files_digest(folder, model)
    return KnownFiles(digest, before if before == _marks(folder) else ())


def _marks(folder: Path) -> Marks:
    if os.name == "nt":
        return ()
    try:
        found = sorted((path.name, path.stat()) for path in folder.iterdir() if path.suffix in LOADED)
    except OSError:  # which reading them says in words
        return ()
    return tuple(
        (name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
        for name, status in found
    )


def _noted(note: Path) -> KnownFiles | None:
    """What is noted, if it was noted some time after the files' last change; None where that is not to be had."""
    try:
        noted: Mapping[str, Any] = json.loads(note.read_text(encoding="utf-8"))["files"]
        marks = tuple(tuple(one) for one in noted["marks"])
        settled = all(max(one[2], one[3]) + SETTLED < note.stat().st_mtime_ns for one in marks)
        return KnownFiles(str(noted["digest"]), marks) if settled else None
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return None
