"""Files of metrics/ and data/ as plain values: what is no such file is an error that names it, never a traceback."""

import csv
import json
import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipeline.errors import UserError

Row = dict[str, Any]
"""column -> its text, or its number; None for a number that is not there"""

M = TypeVar("M", bound=BaseModel)

LARGEST = 64 * 2**20
"""bytes of a file that is read: tables of metrics have some thousands of rows at most"""


def read_table(path: Path, columns: Sequence[str], numbers: Collection[str] = ()) -> list[Row]:
    """The rows of a CSV file; none where there is no such file.

    Args:
        path: the file.
        columns: those that it must have, beside which it may have others.
        numbers: columns, of those that it has, whose cells are finite numbers or empty.

    Raises:
        UserError: it is no such table.
    """
    if not path.exists():
        return []
    try:
        with _opened(path).open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
                raise ValueError(f"it has no column {missing[0]!r}")
            return [_row(cells, numbers, reader.line_num) for cells in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path}: is no table as `evaluate` writes it ({error}); `dvc repro` makes it anew") from error


def _opened(path: Path) -> Path:
    """A path that may be opened: a file, and not too large a one."""
    if not path.is_file():
        raise ValueError("it is no file")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it has more than {LARGEST >> 20} MiB")
    return path


def _row(cells: dict[str, Any], numbers: Collection[str], line: int) -> Row:
    if None in cells or None in cells.values():
        raise ValueError(f"line {line} has another number of cells than the first")
    return {name: _number(cell, line) if name in numbers else cell for name, cell in cells.items()}


def _number(cell: str, line: int) -> float | None:
    if not cell:
        return None
    value = float(cell)
    if not math.isfinite(value):
        raise ValueError(f"line {line} has {cell!r}")
    return value


def read_json(path: Path, model: type[M], maker: str) -> M:
    """A JSON file as a model.

    Args:
        path: the file.
        model: what it holds.
        maker: the stage that writes it, for the error.

    Raises:
        UserError: it is missing, or no such file.
    """
    try:
        return model.model_validate(json.loads(_opened(path).read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        problem = f"{where}: {first['msg'].lower()}"
    except (OSError, ValueError, RecursionError) as error:
        problem = str(error) if path.exists() else "it is missing"
    raise UserError(f"{path}: is not what `{maker}` writes ({problem}); `dvc repro {maker}` makes it anew")
