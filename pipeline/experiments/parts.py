"""What predictions of classes and of numbers share: whose they are, and in which part of which fold."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.keys import source_key


class Parts:
    """Rows of predictions in the order written; a folder's card says what they are of."""

    fold: list[int]
    part: list[str]
    keys: list[str]
    speakers: list[str]
    folds: list[dict[str, list[str]]]
    curves: list[dict[str, float]]
    card: dict[str, Any]
    choices: list[dict[str, float]]

    def content(self, key: str) -> str:
        """What keys share that are of one recording, or of copies of it."""
        source = source_key(key)
        return str(self.card.get("twins", {}).get(source, source))

    @property
    def splits(self) -> int:
        """How often the corpus was split and trained; the folds of one time follow those of another."""
        return int(self.card.get("protocol", {}).get("repeats", 1)) * self.trainings

    @property
    def trainings(self) -> int:
        """How often each split was trained, with seeds of its own each time."""
        return int(self.card.get("trainings", 1))

    @property
    def folds_of_a_split(self) -> int:
        """How many folds each split has, of one training."""
        return max(1, len(self.folds) // self.splits)

    def where(self, part: str, fold: int | None = None) -> NDArray[np.int64]:
        """Row numbers of a part, of one fold or of all."""
        matches = np.array(self.part) == part
        if fold is not None:
            matches &= np.array(self.fold) == fold
        return np.flatnonzero(matches)


def read_folds(path: Path) -> list[dict[str, list[str]]]:
    """Who is in which part of each fold.

    Raises:
        ValueError: the file does not say that.
    """
    folds = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(folds, list) or not all(isinstance(fold, dict) and _are_keys(fold) for fold in folds):
        raise ValueError(f"{path.name} is no list of folds, with the keys of each part")
    return folds


def _are_keys(fold: Mapping[str, Any]) -> bool:
    parts = [fold.get(name) for name in ("train", "validation", "test")]
    return all(isinstance(part, list) and all(isinstance(key, str) for key in part) for part in parts)


def read_card(path: Path) -> dict[str, Any]:
    """What predictions are of.

    Raises:
        ValueError: the file does not say that.
    """
    card = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(card, dict):
        raise ValueError(f"{path.name} is no mapping")
    return card


def read_numbers(path: Path) -> list[dict[str, float]]:
    """The rows of a table of numbers, each of a fold, without what is empty.

    Raises:
        ValueError: it is no such table.
    """
    with path.open(encoding="utf-8", newline="") as file:
        header, *table = csv.reader(file)
    if header[0] != "fold" or any(len(row) != len(header) or not row[0].isdecimal() for row in table):
        raise ValueError(f"{path.name} is no table of folds")
    return [{name: float(value) for name, value in zip(header, row, strict=True) if value} for row in table]


def predicted_number(value: float) -> str:
    """A probability or a target's number as it is written: the digits that tell every float32.

    A fusion takes logarithms of what it reads, which enlarge what is rounded; its models in use get all digits.
    """
    return f"{value:.9g}"


def numbered(rows: Iterable[Mapping[str, float]], names: Sequence[str]) -> Iterator[list[str]]:
    """The fold and the numbers of these names of each row."""
    return ([str(int(row["fold"])), *(_number(row.get(name)) for name in names)] for row in rows)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
