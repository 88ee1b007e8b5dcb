"""Tables that a corpus brings along: CSV files of its authors', with the columns that they chose."""

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from pipeline.corpora.base import corpus_files
from pipeline.corpora.table import read_text
from pipeline.errors import UserError


def own_tables(root: Path, names: Iterable[str]) -> dict[str, Path]:
    """Where the tables of these names are, small letters or not: name -> path, of those that are there.

    Raises:
        UserError: the folder is missing, or a table is there twice and differs.
    """
    wanted = {*names}
    places: dict[str, Path] = {}
    for file in corpus_files(root):
        name = PurePosixPath(file).name.lower()
        if name in wanted and name in places and (root / file).read_bytes() != places[name].read_bytes():
            raise UserError(f"{places[name]} and {root / file} differ; remove the one that is not the corpus's")
        if name in wanted:
            places.setdefault(name, root / file)
    return places


def own_rows(path: Path, columns: Iterable[str]) -> Iterator[dict[str, str]]:
    """The rows of a table, column -> value without spaces around.

    Args:
        path: a CSV file.
        columns: those that it must have.

    Raises:
        UserError: it cannot be read, or lacks a column; the message names it.
    """
    reader = csv.DictReader(io.StringIO(read_text(path)[0], newline=""), restkey="", restval="")
    try:
        if lacking := [column for column in columns if column not in (reader.fieldnames or [])]:
            raise UserError(f"{path}: has no column {lacking[0]!r}; put back the table that came with the corpus")
        for row in reader:
            yield {name: value.strip() for name, value in row.items() if name}
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: is no CSV ({error}); download the table anew") from error
