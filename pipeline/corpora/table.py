"""The table of a folder of one's own: a CSV file that lists its recordings, as people and spreadsheets write it.

Columns are separated by commas, semicolons or tabs, whichever the header has. The text is UTF-8 or UTF-16, with or
without a byte order mark, or in the encoding that the params name; other text is taken for Windows-1252.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from pipeline import paths
from pipeline.audio.segments import bounds_problem, segment_key, segment_title
from pipeline.audio.suffixes import AUDIO_SUFFIXES, suffix_of
from pipeline.corpora.base import COLUMNS
from pipeline.corpora.listed_files import Names, listed_file, mistake
from pipeline.corpora.ratings import RatingColumns
from pipeline.corpora.spellings import complaint, spellings
from pipeline.corpora.text_encoding import CONTROL, decoded
from pipeline.errors import UserError, nearest

SEPARATORS = ",;\t"

LEGACY = "cp1252"
"""taken for text that is no Unicode: what spreadsheets of Western Europe and America save"""

SHOWN = 20
"""mistakes in a message, at most"""

Line = tuple[int, dict[str, str]]
"""where a row begins, counted from 1, and column -> value"""

Problem = tuple[int, str]
"""where a row begins, and what is wrong with it"""


def read_table(
    root: Path,
    name: str,
    encoding: str = "",
    called: Mapping[str, str] | None = None,
    ratings: RatingColumns | None = None,
    required: Sequence[str] = ("path", "emotion"),
    complete: bool = True,
) -> list[dict[str, str]]:
    """The rows of a table, column -> value without spaces around; `path` is relative to the root, as on the disk.

    `where`, which is no column, is the table and the line.

    Args:
        root: the folder that paths are relative to, and `name` too.
        name: the table.
        encoding: its own; "" to find it.
        called: column -> what the table calls it, where that is another name.
        ratings: which columns hold numbers and votes.
        required: columns that it must have, `path` and perhaps `emotion`, which no row then leaves empty.
        complete: whether every file must be there; else a row whose file is not says so in `missing`, which is no
            column either.

    Raises:
        UserError: the table cannot be read or is no CSV, a row has no emotion or a wrong rating, names no file below
            the root or a file of another row (the same part of it), has a start or end that is none, or a speaker is
            written in two ways; the lines are named, and each mistake has one.
    """
    if not root.is_dir():
        raise UserError(f"corpus folder {str(root)!r} does not exist")
    path = root / name
    text, read_as = read_text(path, encoding)
    names, ratings = Names(), ratings or RatingColumns()
    lines: list[Line] = []
    problems: list[Problem] = []
    absent = 0
    for line, row in _rows(root, path, text, called or {}, ratings, required):
        if not (complete or isinstance(row, str)):
            absent += _note_missing(root, row, names, suggest=absent < SHOWN)
        suggest = len(problems) < SHOWN
        wrong = [row] if isinstance(row, str) else [*_wrong(root, row, names, ratings, suggest, required)]
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
    return [{**row, "where": f"{name}, line {line}"} for line, row in lines]


def _wrong(
    root: Path, row: dict[str, str], names: Names, ratings: RatingColumns, suggest: bool, required: Sequence[str]
) -> Iterator[str]:
    """What is wrong with a row's path, emotion, ratings and bounds; the path becomes the file's, as on the disk."""
    if "missing" not in row:
        try:
            row["path"] = listed_file(root, row["path"], names)
        except (ValueError, OSError) as error:
            yield mistake(error, row["path"], names if suggest else None)
    yield from ratings.problems(row)
    if not row.setdefault("emotion", "") and "emotion" in required and not ratings.rated(row):
        yield "has no emotion; name one, or take the row out"
    try:
        problem = bounds_problem(*bounds(row))
    except ValueError as error:
        problem = str(error)
    if problem:
        yield problem


def _note_missing(root: Path, row: dict[str, str], names: Names, suggest: bool) -> bool:
    """Let a row whose file is not there say so, and tell whether it is such."""
    try:
        listed_file(root, row["path"], names)
    except FileNotFoundError as error:
        row["missing"] = mistake(error, row["path"], names if suggest else None)
        row["path"] = Path(error.filename).relative_to(root).as_posix()
        return True
    except (ValueError, OSError):
        return False  # a mistake, which is told with the others
    return False


def bounds(row: Mapping[str, str]) -> tuple[float | None, float | None]:
    """Where a row's recording begins and ends in its file (s); None where the row does not say.

    Raises:
        ValueError: one is no number.
    """
    if "start" not in row and "end" not in row:
        return None, None
    return _seconds("start", row.get("start", "")), _seconds("end", row.get("end", ""))


def _seconds(name: str, value: str) -> float | None:
    try:
        return float(value) if value else None
    except ValueError as error:
        raise ValueError(f"{name} must be a number of seconds, as 12.34; it is {value[:20]!r}") from error


def key(row: Mapping[str, str]) -> str:
    """The key of a row's recording: its path without suffix, and which part of the file it is."""
    return segment_key(row["path"].removesuffix(suffix_of(row["path"])), *bounds(row))


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
        mark, before = _separator(text, COLUMNS)
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


def _separator(text: str, columns: Iterable[str]) -> tuple[str, int]:
    """What separates columns, and how many lines are before the header: one where Excel's `sep=;` is.

    Without it, it is what separates the most known columns of the header.
    """
    first = text.replace("\r", "\n").partition("\n")[0]
    if first[:4].lower() == "sep=" and first[4:5] in (*SEPARATORS,):
        return first[4], 1
    cells = first.replace('"', "")
    return max(SEPARATORS, key=lambda mark: len({*columns} & {*_header(cells.split(mark))})), 0


def _header(names: Sequence[str]) -> list[str]:
    """The columns, in small letters; empty ones at the end, which spreadsheets leave, are none."""
    return ",".join(name.strip().lower() for name in names).rstrip(",").split(",") if any(names) else []


def _rows(
    root: Path,
    path: Path,
    text: str,
    called: Mapping[str, str],
    ratings: RatingColumns,
    required: Sequence[str],
) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Where each row begins, and the row or what is wrong with it; empty rows are none."""
    ours = {theirs.strip().lower(): name for name, theirs in called.items()}
    mark, before = _separator(text, {*COLUMNS, *ours})
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    begin = 1
    try:
        given = _header(next(islice(reader, before, None), []))
        _check_called(path, given, called)
        names = [ours.get(name, name) for name in given]
        _check_columns(path, names, ratings, required)
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


def _check_called(path: Path, names: Sequence[str], called: Mapping[str, str]) -> None:
    for name, theirs in called.items():
        if theirs.strip().lower() not in names:
            likely = nearest(theirs, names)
            raise UserError(f"{path}: has no column {theirs!r}{likely}, which `columns` says is the {name}; mend it")


def _check_columns(path: Path, names: list[str], ratings: RatingColumns, required: Sequence[str]) -> None:
    for name in required:
        if name not in names and not (name == "emotion" and any(own in ratings for own in names)):
            own = f"its columns are {', '.join(names)}" if any(names) else "it is empty"
            cure = f"name one {name}" if list(required) == ["path"] else f"`columns: {{{name}: NAME}}` says which it is"
            raise UserError(f"{path}: has no column {name!r}; {own}; {cure}")
    for name in names:
        if problem := ratings.column_problem(name):
            raise UserError(f"{path}: {problem}")
        if name not in COLUMNS and name not in ratings:
            known = (*COLUMNS, *ratings.dimensions)
            own = "; numbers of other names are listed in the corpus's `dimensions`"
            raise UserError(f"{path}: unknown column {name!r}{nearest(name, known)}; known: {', '.join(known)}{own}")
        if names.count(name) > 1:
            raise UserError(f"{path}: column {name!r} stands twice; take one out")


def _twice(lines: Iterable[Line]) -> list[Problem]:
    """A complaint of each row whose file, and the part of it, an earlier row has."""
    first: dict[tuple[str, str], Line] = {}
    problems = []
    for line, row in lines:
        earlier, before = first.setdefault((row["path"], key(row)), (line, row))
        if before is not row:
            labels = dict.fromkeys(each.get("emotion", "") for each in (before, row))
            what = " and as ".join(repr(label) for label in labels)
            title = segment_title(row["path"], *bounds(row))
            problems.append((line, f"lists {title} as line {earlier} does, as {what}; take one out"))
    return problems


def _spellings(lines: Iterable[Line]) -> list[Problem]:
    """A complaint of each speaker who is written in several ways, at the last line where one is new."""
    found = spellings((row.get("speaker", ""), f"line {line}") for line, row in lines)
    return [(int(ways[-1][1].removeprefix("line ")), complaint(ways)) for ways in found]
