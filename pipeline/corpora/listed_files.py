"""Files that a table names: below the corpus folder, with the names that they have on the disk."""

import os
import re
import unicodedata
from errno import ENOENT
from pathlib import Path, PurePosixPath

from pipeline.errors import nearest

WINDOWS = re.compile(r"[A-Za-z]:[\\/]")
"""what a path on a drive of Windows begins with"""

PLAIN = re.compile(r"[\w-][\w .-]*(/[\w-][\w .-]*)*", re.ASCII)
"""most paths of files: below the root, as they are on any disk, and written in the only way"""

COMPARED = 500
"""file names that a missing one is compared with, at most"""


def listed_file(root: Path, given: str, names: "Names") -> str:
    """The file that a row names, relative to the root, with the names that its folders have on the disk.

    Raises:
        ValueError: it is not below the root, or a folder.
        FileNotFoundError: it is not there.
    """
    if PLAIN.fullmatch(given) and (root / given).is_file():
        return given
    wav = PurePosixPath(given.replace("\\", "/"))
    if wav.is_absolute():
        wav = next((wav.relative_to(top) for top in (root.absolute(), root.resolve()) if wav.is_relative_to(top)), wav)
    if wav.is_absolute() or WINDOWS.match(given) or ".." in wav.parts or not wav.name:
        raise ValueError(f"path {given!r} must name a file below the corpus folder")
    real = root
    for name in wav.parts:
        real = names.entry(real, name)
    if real.is_dir():
        raise ValueError(f"path {given!r} is a folder; name a file")
    if not real.is_file():
        raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(root / wav))
    return real.relative_to(root).as_posix()


def inner_file(root: Path, given: str, names: "Names") -> str:
    """As `listed_file`, for a table of others: it is no way out of the folder, by a link either.

    Raises:
        ValueError: the file is not below the root.
        FileNotFoundError: it is not there.
    """
    wav = listed_file(root, given, names)
    if not (root / wav).resolve().is_relative_to(root.resolve()):
        raise ValueError(f"path {given!r} is a link out of the corpus folder; put the file there")
    return wav


def located(root: Path, given: str, names: "Names", lenient: bool) -> tuple[str, str]:
    """A row's file, as `inner_file` has it, and "" or, of one that is not there, why: its path is as it is given then.

    Raises:
        ValueError: the file is not below the root.
        FileNotFoundError: it is not there, and nothing is `lenient`.
    """
    try:
        return inner_file(root, given, names), ""
    except FileNotFoundError as error:
        if not lenient:
            raise
        return Path(error.filename).relative_to(root).as_posix(), mistake(error, given, names)


def mistake(error: ValueError | OSError, given: str, names: "Names | None") -> str:
    """What is wrong with a file that a table gives, with the name that may be meant where `names` are given."""
    if isinstance(error, ValueError):
        return str(error)
    if isinstance(error, FileNotFoundError):
        return f"no such file: {error.filename}{names.near(Path(error.filename)) if names else ''}"
    return f"path {given[:60]!r}: {error.strerror}"


class Names:
    """The names in folders, each folder listed once."""

    def __init__(self) -> None:
        self._listed: dict[Path, dict[str, str]] = {}

    def of(self, folder: Path) -> dict[str, str]:
        """Name in the composed form of Unicode -> name on the disk."""
        if folder not in self._listed:
            names = sorted((path.name for path in folder.iterdir()), reverse=True) if folder.is_dir() else []
            self._listed[folder] = {_composed(name): name for name in names}
        return self._listed[folder]

    def entry(self, folder: Path, name: str) -> Path:
        """The file or folder of this name, or, where there is none, of the same name in another form of Unicode."""
        if name.isascii() or (folder / name).exists():
            return folder / name
        return folder / self.of(folder).get(_composed(name), name)

    def near(self, path: Path) -> str:
        """Suggest what a path may mean: what has its name in other letters, or one like it."""
        names = sorted(self.of(path.parent).values())
        same = [name for name in names if name.casefold() == path.name.casefold()]
        return f" (did you mean {same[0]!r}?)" if same else nearest(path.name, names[:COMPARED])


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
