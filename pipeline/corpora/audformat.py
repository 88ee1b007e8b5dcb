"""Databases in audEERING's audformat: a header `db.yaml`, and tables `db.TABLE.csv` or `db.TABLE.parquet`.

As audformat's documentation has it (audeering.github.io/audformat, "Header" and "Tables"): a table is of files, or of
segments with `start` and `end`; its columns may follow a scheme, and belong to a split (train, dev, test). Emotions are
the column `emotion`, or one whose scheme is `emotion`, of one table, or of one for each split; `table: NAME` says which
where there are several: that table, or those whose names begin with it and a dot. `columns: {emotion: mood}` names
other columns. Speaker, gender, language, text, session and part come from that table, else from what others say of the
whole file; what is known of a speaker is in the labels of the scheme `speaker`, or in the table that these name.

Numbers are the columns `valence`, `arousal`, `dominance` and those of the corpus's `dimensions`, or of such a scheme,
of the same table; where no table has emotions, it is the one that has numbers.

Tables that are pickles (`.pkl`) are never opened.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from pipeline.audio.segments import bounds_problem, segment_key
from pipeline.corpora.arrow import parquet_rows
from pipeline.corpora.base import CorpusParams, CorpusReader, Utterance
from pipeline.corpora.fold_lists import SPELLINGS
from pipeline.corpora.listed_files import Names, located, mistake
from pipeline.corpora.ratings import DIMENSIONS, RatingColumns, number_columns
from pipeline.corpora.table import read_text
from pipeline.errors import UserError, nearest

HEADER = "db.yaml"
ABOUT = ("speaker", "gender", "language", "text", "session", "part")
"""what may be said of a file, beside its emotion"""
SCHEMES = {"text": ("text", "transcription")}
"""what is said -> the columns or schemes that say it, where they are not called the same"""
LANGUAGES = {
    "ben": "bn", "dan": "da", "deu": "de", "ell": "el", "eng": "en", "est": "et", "fas": "fa", "fra": "fr", "ita": "it",
    "jpn": "ja", "kor": "ko", "nld": "nl", "pol": "pl", "por": "pt", "rus": "ru", "spa": "es", "tur": "tr", "urd": "ur",
    "zho": "zh",
}  # fmt: skip
"""ISO 639-3, as the header has it -> ISO 639-1"""
TIME = re.compile(r"(?:(\d+) days? )?(\d+):(\d\d):(\d\d(?:\.\d+)?)")
"""a time as pandas writes it"""

Values = Mapping[str, str]
"""column -> value, of a row"""


@dataclass(frozen=True)
class _Table:
    """A table of the header: its name, its columns with their schemes, and the split that it is of."""

    name: str
    columns: Mapping[str, str]
    split: str = ""


@dataclass(frozen=True)
class _Database:
    """What a header says, as far as recordings are concerned."""

    root: Path
    tables: Mapping[str, _Table]
    misc: Mapping[str, _Table]
    speakers: Mapping[str, Mapping[str, Any]] | str
    language: str
    called: Mapping[str, str] = field(default_factory=dict)
    numbers: tuple[str, ...] = DIMENSIONS
    lenient: bool = False

    def column(self, table: _Table, what: str) -> str:
        """The column of a table that says something; "" where none does."""
        if what in self.called:
            return self.called[what] if self.called[what] in table.columns else ""
        names = SCHEMES.get(what, (what,))
        named = [name for name in names if name in table.columns]
        of_scheme = [name for name, scheme in table.columns.items() if scheme in names]
        return next(iter(named or (of_scheme if len(of_scheme) == 1 else [])), "")

    def number_columns(self, table: _Table) -> dict[str, str]:
        """Dimension -> the column of a table that is called so."""
        return {name: column for name in self.numbers if (column := self.column(table, name))}


class Audformat(CorpusReader):
    """Reads a database in audformat."""

    name = "audformat"
    title = "A database in audformat"
    licence = "as its header says (db.yaml)"
    source = "https://audeering.github.io/datasets/, or a folder with db.yaml"
    emotions = {}
    dimensions = ("valence", "arousal", "dominance")

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the rows of the tables with emotions, or numbers, that have one.

        Raises:
            UserError: there is no header or it is none, no table has emotions or several do, a table cannot be read, or
                a row names no file below the root or no segment of it, or has text for a number; table and line are
                named.
        """
        database = _database(root, params)
        about = _Known(database)
        names = Names()
        for table in _chosen(database, params.table):
            for where, row, numbers in _labelled(database, table):
                if _is_labelled(database, table, row, numbers):
                    yield _utterance(database, table, row, numbers, where, about, names)

    def notes(self, root: Path, params: CorpusParams) -> list[str]:
        """How many rows have no emotion and no number, where some do not."""
        database = _database(root, params)
        tables = _chosen(database, params.table)
        empty = sum(
            not _is_labelled(database, table, row, numbers)
            for table in tables
            for _, row, numbers in _labelled(database, table)
        )
        names = ", ".join(table.name for table in tables)
        return [f"{empty} rows of {names} have no emotion, and are left out"] if empty else []


def _database(root: Path, params: CorpusParams) -> _Database:
    """Read the header.

    Raises:
        UserError: it is not there, or is none.
    """
    path = root / HEADER
    if not path.is_file():
        raise UserError(f"{root}: has no {HEADER}, which every database in audformat has; give the folder that has it")
    try:
        header = yaml.safe_load(read_text(path)[0])
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{path}: is no YAML ({' '.join(str(error).split())[:120]}); restore it") from error
    header = _mapping(path, header, "the header")
    splits = _mapping(path, header.get("splits"), "splits")
    kinds = {name: str(_mapping(path, split, f"splits.{name}").get("type", name)) for name, split in splits.items()}
    tables, misc = (_tables(path, header.get(part), part, kinds) for part in ("tables", "misc_tables"))
    scheme = _mapping(path, _mapping(path, header.get("schemes"), "schemes").get("speaker"), "schemes.speaker")
    languages = header.get("languages") or []
    language = str(languages[0]) if isinstance(languages, list) and len(languages) == 1 else ""
    language = params.language or LANGUAGES.get(language, language)
    numbers = (*DIMENSIONS, *params.dimensions)
    return _Database(
        root, tables, misc, _speakers(scheme.get("labels")), language, params.columns, numbers, params.skips
    )


def _mapping(path: Path, value: Any, what: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(f"{path}: {what} should be a mapping, and is no header of audformat; restore it")
    return {str(key): each for key, each in value.items()}


def _tables(path: Path, tables: Any, part: str, splits: Mapping[str, str]) -> dict[str, _Table]:
    made = {}
    for name, table in _mapping(path, tables, part).items():
        if "/" in name or "\\" in name:
            raise UserError(f"{path}: {part}.{name} is no name of a table; restore it")
        about = _mapping(path, table, f"{part}.{name}")
        columns = _mapping(path, about.get("columns"), f"{part}.{name}.columns")
        schemes = {column: str(_mapping(path, each, column).get("scheme_id", "")) for column, each in columns.items()}
        split = str(about.get("split_id") or "")
        made[name] = _Table(name, schemes, splits.get(split, split))
    return made


def _speakers(labels: Any) -> Mapping[str, Mapping[str, Any]] | str:
    """Speaker -> what is known of each, or the table that says it."""
    if isinstance(labels, str):
        return labels
    if isinstance(labels, dict):
        return {str(name): about for name, about in labels.items() if isinstance(about, dict)}
    return {}


def _chosen(database: _Database, wanted: str) -> list[_Table]:
    """The tables with the emotions, or else with the numbers: one, or one for each split.

    Raises:
        UserError: there are none, or several that are not of different splits.
    """
    path = database.root / HEADER
    rated = {name: table for name, table in database.tables.items() if database.number_columns(table)}
    having = {name: table for name, table in database.tables.items() if database.column(table, "emotion")}
    having = having | (rated if wanted in rated else {}) or rated
    if not having:
        columns = ", ".join(dict.fromkeys(column for table in database.tables.values() for column in table.columns))
        raise UserError(
            f"{path}: no table has a column or scheme 'emotion'; `columns: {{emotion: NAME}}` says which column it is: "
            f"{columns or 'there is none'}"
        )
    tables = [table for name, table in having.items() if not wanted or f"{name}.".startswith(f"{wanted}.")]
    tables = [having[wanted]] if wanted in having else tables
    names = ", ".join(having)
    if not tables:
        raise UserError(f"{path}: has no table {wanted!r} of emotions{nearest(wanted, having)}; tables: {names}")
    splits = [table.split for table in tables]
    if len(tables) > 1 and (len({*splits}) < len(splits) or "" in splits):
        raise UserError(f"{path}: several tables have emotions ({names}); name one as the corpus's `table`")
    return tables


def _labelled(database: _Database, table: _Table) -> Iterator[tuple[str, Values, Values]]:
    """Where each row of a table is, its values, and its numbers as text, by dimension."""
    rows = [*_rows(database.root, table.name)]
    columns = number_columns([row for _, row in rows], database.number_columns(table))
    for where, row in rows:
        yield where, row, {name: row.get(column, "") for name, column in columns.items()}


def _is_labelled(database: _Database, table: _Table, row: Values, numbers: Values) -> bool:
    """Whether a row has an emotion or a number."""
    return bool(row.get(database.column(table, "emotion"), "") or any(numbers.values()))


def _rows(root: Path, table: str) -> Iterator[tuple[str, Values]]:
    """Where each row of a table is, and its values as text; "" for none.

    Raises:
        UserError: the table is not there, or is none.
    """
    path = root / f"db.{table}.csv"
    if path.is_file():
        yield from _csv_rows(path)
    elif (parquet := path.with_suffix(".parquet")).is_file():
        for number, row in enumerate(parquet_rows(parquet), 1):
            yield f"{parquet.name}, row {number}", {name: _text(value) for name, value in row.items()}
    else:
        pickle = path.with_suffix(".pkl").is_file()
        why = "is a pickle, which may run code, and is not read" if pickle else "is not there"
        raise UserError(f"{path.with_suffix('')}: the table {why}; save the database with storage_format='csv'")


def _csv_rows(path: Path) -> Iterator[tuple[str, Values]]:
    reader = csv.reader(io.StringIO(read_text(path)[0], newline=""), strict=True)
    try:
        names = next(reader, [])
        for values in filter(None, reader):
            if len(values) != len(names):
                raise UserError(f"{path}, line {reader.line_num}: has not the {len(names)} columns of the header")
            yield f"{path.name}, line {reader.line_num}", dict(zip(names, values, strict=True))
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: not CSV ({error}); restore it") from error


def _text(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"0 days {_clock(value)}"
    return "" if value is None or value != value else str(value)  # what is not a number, pandas writes as NaN


def _clock(time: timedelta) -> str:
    seconds = time / timedelta(seconds=1)
    return f"{int(seconds // 3600)}:{int(seconds // 60 % 60):02d}:{seconds % 60:09.6f}"


class _Known:
    """What the tables say of whole files and of speakers, each table read once."""

    def __init__(self, database: _Database) -> None:
        self._database = database
        self._files = {what: self._of_files(what) for what in ABOUT}
        self._people = self._of_speakers()

    def _of_files(self, what: str) -> dict[str, str]:
        """File -> what the only table says of it that has such a column and no segments."""
        database, said = self._database, dict[str, str]()
        for table in database.tables.values():
            column = database.column(table, what)
            for where, row in _rows(database.root, table.name) if column else ():
                value, file = row.get(column, ""), row.get("file", "")
                if value and "start" not in row and said.setdefault(file, value) != value:
                    both = f"{value!r}, and {said[file]!r} elsewhere"
                    raise UserError(f"{database.root}/{where}: the {what} of {file} is {both}; mend one")
        return said

    def _of_speakers(self) -> Mapping[str, Mapping[str, Any]]:
        labels = self._database.speakers
        if not isinstance(labels, str):
            return labels
        if labels not in self._database.misc:
            raise UserError(f"{self._database.root / HEADER}: schemes.speaker names {labels!r}, which is no table")
        rows = [row for _, row in _rows(self._database.root, labels)]
        return {next(iter(row.values())): row for row in rows if row}

    def of(self, table: _Table, row: Values, file: str) -> dict[str, str]:
        """What is known of a row: by itself, else of its file, else of its speaker."""
        own = {what: row.get(self._database.column(table, what), "") for what in ABOUT}
        known = {what: own[what] or self._files[what].get(file, "") for what in ABOUT}
        person = self._people.get(known["speaker"], {})
        return {what: value or str(person.get(what) or "") for what, value in known.items()}


def _utterance(
    database: _Database, table: _Table, row: Values, numbers: Values, where: str, known: _Known, names: Names
) -> Utterance:
    file, ratings = row.get("file", ""), RatingColumns(database.numbers)
    try:
        for problem in ratings.problems(numbers):
            raise ValueError(problem)
        wav, absent = located(database.root, file, names, database.lenient)
        start, end = _seconds(row, "start"), _seconds(row, "end")
        if problem := bounds_problem(start, end):
            raise ValueError(problem)
    except (ValueError, OSError) as error:
        raise UserError(f"{database.root}/{where}: {mistake(error, file, names)}") from error
    about = known.of(table, row, file)
    part = about["part"] or table.split
    return Utterance(
        wav=wav,
        key=segment_key(str(PurePosixPath(wav).with_suffix("")), start, end),
        raw_emotion=row.get(database.column(table, "emotion"), ""),
        speaker=about["speaker"],
        gender=about["gender"],
        language=about["language"] or database.language,
        text=about["text"],
        session=about["session"],
        part=SPELLINGS.get(part.casefold(), part),
        start=start,
        end=end,
        where=where,
        absent=absent,
        dimensions=ratings.dimensions_of(numbers),
    )


def _seconds(row: Values, name: str) -> float | None:
    """A time of a row in seconds; None where it has none, and where a segment begins with its file and does not end.

    Raises:
        ValueError: it is none.
    """
    text = row.get(name, "").strip()
    if text in ("", "NaT"):
        return None
    if not (match := TIME.fullmatch(text)):
        raise ValueError(f"{name} must be a time as 0 days 00:00:01.500000; it is {text[:40]!r}")
    days, hours, minutes, seconds = match.groups()
    return int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)
