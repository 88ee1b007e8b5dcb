"""Names in an archive as paths inside one folder, each taken once, on file systems of every kind."""

import re
import unicodedata
from pathlib import PurePosixPath

from pipeline.errors import UserError

DRIVE = re.compile(r"[A-Za-z]:")
LONGEST_PART = 255
"""bytes of a file name (Linux, macOS and Windows)"""
DEEPEST = 50
"""folders in each other"""


class MemberNames:
    """The names that the members of an archive have taken so far."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, ...], tuple[PurePosixPath, bool]] = {}

    def claim(self, name: str, *, folder: bool) -> PurePosixPath:
        """The relative path that a member's name stands for, now taken.

        Raises:
            UserError: it leads out of the folder, is no file name, or is taken by another member; also where two names
                differ in case or in their form of Unicode alone, which is one file on some systems.
        """
        path = _inside(name)
        for parent in reversed(path.parents[:-1]):
            self._take(parent, name, folder=True)
        self._take(path, name, folder=folder)
        return path

    def _take(self, path: PurePosixPath, name: str, *, folder: bool) -> None:
        key = tuple(unicodedata.normalize("NFC", part).casefold() for part in path.parts)
        other, is_folder = self._taken.setdefault(key, (path, folder))
        if other is path or (other == path and folder and is_folder):
            return
        if other == path:
            raise UserError(f"{name!r} is in it twice")
        raise UserError(f"{str(path)!r} and {str(other)!r} are in it, which are one name on some systems")


def _inside(name: str) -> PurePosixPath:
    text = name.replace("\\", "/")  # as some packers on Windows write it
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or DRIVE.match(text) or ".." in parts or not parts:
        raise UserError(f"{name!r} leads out of the folder")
    if len(parts) > DEEPEST:
        raise UserError(f"{name[:80]!r}... is more than {DEEPEST} folders deep")
    for part in parts:
        if not part.isprintable() or _bytes(part) > LONGEST_PART:
            raise UserError(f"{name[:300]!r} is no file name")
    return PurePosixPath(*parts)


def _bytes(part: str) -> int:
    return len(part.encode("utf-8", "surrogateescape"))
