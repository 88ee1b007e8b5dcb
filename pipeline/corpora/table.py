"""The table of a folder of one's own: a CSV file that lists its recordings, as people and spreadsheets write it.

Columns are separated by commas, semicolons or tabs, whichever the header has. The text is UTF-8 or UTF-16, with or
without a byte order mark, or in the encoding that the params name; other text is taken for Windows-1252.
"""

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from errno import ENOENT
from itertools import islice
from pathlib import Path, PurePosixPath

from pipeline import paths
from pipeline.audio.suffixes import AUDIO_SUFFIXES
from pipeline.corpora.spellings import complaint, spellings
from pipeline.corpora.text_encoding import CONTROL, decoded
from pipeline.errors import UserError, nearest

COLUMNS = ("path", "emotion", "speaker", "gender", "language", "text", "session", "part")

SEPARATORS = ",;\t"

LEGACY = "cp1252"
"""taken for text that is no Unicode: what spreadsheets of Western Europe and America save"""

WINDOWS = re.compile(r"[A-Za-z]:[\\/]")
"""what a path on a drive of Windows begins with"""

SHOWN = 20
"""mistakes in a message, at most"""

COMPARED = 500
"""file names that a missing one is compared with, at most"""

Line = tuple[int, dict[str, str]]
"""where a row begins, counted from 1, and column -> value"""

Problem = tuple[int, str]
"""where a row begins, and what is wrong with it"""


def read_table(root: Path, name: str, encoding: str = "") -> list[dict[str, str]]:
    """The rows of a table, column -> value without spaces around; `path` is relative to the root, as on the disk.

    Raises:
        UserError: the table cannot be read or is no CSV, a row has no emotion, names no file below the root or a file
            of another row, or a speaker is written in two ways; the lines are named, and each mistake has one.
    """
    if not root.is_dir():
        raise UserError(f"corpus folder {str(root)!r} does not exist")
    path = root / name
    text, read_as = read_text(path, encoding)
    names = _Names()
    lines: list[Line] = []
    problems: list[Problem] = []
    for line, row in _rows(root, path, text):
        wrong = [row] if isinstance(row, str) else [*_wrong(root, row, names, suggest=len(problems) < SHOWN)]
        problems += [(line, each) for each in wrong]
        if not isinstance(row, str) and not wrong:
            lines.append((line, row))
    if problems := sorted([*problems, *_twice(lines), *_spellings(lines)], key=lambda problem: problem[0]):
        more = [f"{path}, and {len(problems) - SHOWN} more mistakes"] if len(problems) > SHOWN else []
        named = [f"{path}, line {line}: {problem}" for line, problem in problems[:SHOWN]]
        guess = _guess(path, text) if read_as == LEGACY and not encoding else ""
        raise UserError("\n".join([*named, *more, *([guess] if guess else [])]))
    if not lines:
        raise UserError(f"{path}: lists no recording")
    return [row for _, row in lines]


def _wrong(root: Path, row: dict[str, str], names: "_Names", suggest: bool) -> Iterator[str]:
    """What is wrong with a row's path and emotion; the path becomes that of the file, as on the disk."""
    try:
        row["path"] = _wav(root, row["path"], names)
    except ValueError as error:
        yield str(error)
    except FileNotFoundError as error:
        yield f"no such file: {error.filename}{names.near(Path(error.filename)) if suggest else ''}"
    except OSError as error:
        yield f"path {row['path'][:60]!r}: {error.strerror}"
    if not row["emotion"]:
        yield "has no emotion; name one, or take the row out"


def read_text(path: Path, encoding: str = "") -> tuple[str, str]:
    """A table's text and its encoding.

    Raises:
        UserError: the file is not there, cannot be read, or is not text in this encoding.
    """
    try:
        paths.check_regular(path)
        paths.check_fetched(path)
        data = paths.read_bounded(path)
        if not encoding:
            return decoded(data, [LEGACY])
        text = data.decode(encoding).removeprefix("\ufeff")
        if CONTROL.search(text):
            raise ValueError(f"is no text in {encoding}")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such table") from error
    except UnicodeError as error:
        raise UserError(f"{path}: is not in {encoding}; name its encoding in the corpus's `encoding`") from error
    except ValueError as error:
        raise UserError(f"{path}: {error}; save the table as UTF-8, or name its encoding in `encoding`") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); name a CSV file") from error
    return text, encoding


def columns(path: Path) -> list[str]:
    """The header of a CSV file; none where it cannot be read."""
    try:
        text = read_text(path)[0]
        mark, before = _separator(text)
        return _header(next(islice(csv.reader(io.StringIO(text, newline=""), delimiter=mark), before, None), []))
    except (UserError, csv.Error):
        return []


def encoding_note(path: Path) -> str:
    """What was decided on the encoding of a table that is no Unicode, and shows how it reads; "" where it is."""
    text, encoding = read_text(path)
    return _guess(path, text) if encoding == LEGACY else ""


def _guess(path: Path, text: str) -> str:
    word = next((word for word in re.findall(r"\w+", text) if not word.isascii()), "")
    example = f" ({word!r} is a word of it)" if word else ""
    return f"{path}: is no Unicode, and is read as {LEGACY}{example}; if it is another, name it in `encoding`"


def _separator(text: str) -> tuple[str, int]:
    """What separates columns, and how many lines are before the header: one where Excel's `sep=;` is.

    Without it, it is what separates the most known columns of the header.
    """
    first = text.replace("\r", "\n").partition("\n")[0]
    if first[:4].lower() == "sep=" and first[4:5] in (*SEPARATORS,):
        return first[4], 1
    cells = first.replace('"', "")
    return max(SEPARATORS, key=lambda mark: len({*COLUMNS} & {*_header(cells.split(mark))})), 0


def _header(names: Sequence[str]) -> list[str]:
    """The columns, in small letters; empty ones at the end, which spreadsheets leave, are none."""
    return ",".join(name.strip().lower() for name in names).rstrip(",").split(",") if any(names) else []


def _rows(root: Path, path: Path, text: str) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Where each row begins, and the row or what is wrong with it; empty rows are none."""
    mark, before = _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    begin = 1
    try:
        names = _header(next(islice(reader, before, None), []))
        _check_columns(path, names)
        begin = reader.line_num + 1
        for values in reader:
            if any(value.strip() for value in values):
                yield begin, _row(root, names, values, mark)
            begin = reader.line_num + 1
    except csv.Error as error:
        why = "a quote that opens there is not closed" if "unexpected end" in str(error) else str(error)
        yield begin, f"not CSV ({why}); mend the table"


def _row(root: Path, names: Sequence[str], values: Sequence[str], mark: str) -> dict[str, str] | str:
    """A row, or what is wrong with it."""
    if len(values) < len(names) or any(value.strip() for value in values[len(names) :]):
        return f"has not the {len(names)} columns of the header"
    row = {name: value.strip() for name, value in zip(names, values, strict=False)}
    for name, value in row.items():
        if len(lines := value.splitlines()) > 1 and (
            name != "text" or any(_is_row(root, line, mark) for line in lines)
        ):
            return f"its {name} goes over {len(lines)} lines; take out the quote that opens there"
    return row


def _is_row(root: Path, line: str, mark: str) -> bool:
    """Whether a line of a text is likely a row that a stray quote swallowed: a cell of it names a recording."""
    cells = [cell.strip(' "') for cell in line.split(mark)]
    return len(cells) > 1 and any(_is_recording(root, cell) for cell in cells)


def _is_recording(root: Path, cell: str) -> bool:
    try:
        return cell.lower().endswith(AUDIO_SUFFIXES) or (root / cell.replace("\\", "/")).is_file()
    except (OSError, ValueError):
        return False


def _check_columns(path: Path, names: list[str]) -> None:
    for name in ("path", "emotion"):
        if name not in names:
            raise UserError(f"{path}: has no column {name!r}; its columns are {', '.join(names) or 'none'}")
    for name in names:
        if name not in COLUMNS:
            raise UserError(f"{path}: unknown column {name!r}{nearest(name, COLUMNS)}; known: {', '.join(COLUMNS)}")
        if names.count(name) > 1:
            raise UserError(f"{path}: column {name!r} stands twice; take one out")


def _wav(root: Path, given: str, names: "_Names") -> str:
    """The file that a row names, relative to the root, with the names that its folders have on the disk.

    Raises:
        ValueError: it is not below the root, or a folder.
        FileNotFoundError: it is not there.
    """
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


class _Names:
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


def _twice(lines: Iterable[Line]) -> list[Problem]:
    """A complaint of each row whose file an earlier row has."""
    first: dict[str, Line] = {}
    problems = []
    for line, row in lines:
        earlier, before = first.setdefault(row["path"], (line, row))
        if before is not row:
            labels = dict.fromkeys([before["emotion"], row["emotion"]])
            what = " and as ".join(repr(label) for label in labels)
            problems.append((line, f"lists {row['path']} as line {earlier} does, as {what}; take one out"))
    return problems


def _spellings(lines: Iterable[Line]) -> list[Problem]:
    """A complaint of each speaker who is written in several ways, at the last line where one is new."""
    found = spellings((row.get("speaker", ""), f"line {line}") for line, row in lines)
    return [(int(ways[-1][1].removeprefix("line ")), complaint(ways)) for ways in found]
