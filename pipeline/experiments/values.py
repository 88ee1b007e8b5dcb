"""What a trained experiment with targets leaves behind: numbers, who was in which part, training curves, a card.

A folder `data/predictions/NAME/` with

- `values.csv`: fold, part, key, speaker ("" where unknown), and of each target the true number, `TARGET`, and the one
  that was predicted, `predicted_TARGET`. Parts are those of `probabilities.csv`, see `predictions.py`.
- `folds.json`, `curves.csv`, `choices.csv` as there; curves have losses and the validation part's CCC.
- `card.json`, as there, with `task: regression`, the `targets`, and how many recordings lack one of them
  (`without_targets`).
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.experiments.parts import Parts, numbered, predicted_number, read_card, read_folds, read_numbers
from pipeline.experiments.predictions import write_csv
from pipeline.storage.json_file import write_json
from pipeline.systems.regression import VALUE_CURVE

COLUMNS = ("fold", "part", "key", "speaker")
PREDICTED = "predicted_"
FILE = "values.csv"

FloatArray = NDArray[np.float64]


@dataclass(repr=False)
class Values(Parts):
    """Rows of numbers in the order written; see the module for the parts."""

    targets: list[str]
    fold: list[int] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    speakers: list[str] = field(default_factory=list)
    truth: list[FloatArray] = field(default_factory=list)
    predicted: list[FloatArray] = field(default_factory=list)
    folds: list[dict[str, list[str]]] = field(default_factory=list)
    curves: list[dict[str, float]] = field(default_factory=list)
    card: dict[str, Any] = field(default_factory=dict)
    choices: list[dict[str, float]] = field(default_factory=list)

    def __repr__(self) -> str:
        parts = ", ".join(f"{part} {self.part.count(part)}" for part in dict.fromkeys(self.part))
        return f"Values({len(self.folds)} folds; {parts or 'no parts'}; {', '.join(self.targets)})"

    def add(
        self,
        fold: int,
        part: str,
        keys: Iterable[str],
        speakers: Iterable[str],
        truth: FloatArray,
        predicted: FloatArray,
    ) -> None:
        """Append numbers (n, targets) of utterances of one part of one fold; an unknown speaker is ""."""
        for key, speaker, true, guess in zip(keys, speakers, truth, predicted, strict=True):
            self.fold.append(fold)
            self.part.append(part)
            self.keys.append(key)
            self.speakers.append(speaker)
            self.truth.append(true)
            self.predicted.append(guess)

    def numbers(self, where: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """True and predicted numbers of those rows, (n, targets) each."""
        shape = (len(where), len(self.targets))
        true, predicted = (
            np.array([column[i] for i in where]).reshape(shape) for column in (self.truth, self.predicted)
        )
        return true, predicted

    def write(self, folder: Path) -> None:
        """Write the folder; true numbers as they are in the manifest."""
        header = [*COLUMNS, *(name for target in self.targets for name in (target, f"{PREDICTED}{target}"))]
        body = zip(self.fold, self.part, self.keys, self.speakers, self.truth, self.predicted, strict=True)
        table = (
            [
                *map(str, start),
                *(cell for a, b in zip(true, guess, strict=True) for cell in (repr(float(a)), predicted_number(b))),
            ]
            for *start, true, guess in body
        )
        write_csv(folder / FILE, header, table)
        write_csv(folder / "curves.csv", ["fold", *VALUE_CURVE], numbered(self.curves, VALUE_CURVE))
        if self.choices:
            names = list(dict.fromkeys(name for row in self.choices for name in row if name != "fold"))
            write_csv(folder / "choices.csv", ["fold", *names], numbered(self.choices, names))
        write_json(folder / "folds.json", self.folds)
        write_json(folder / "card.json", self.card)

    @classmethod
    def read(cls, folder: Path) -> "Values":
        """Read the folder.

        Raises:
            UserError: a file is missing, or does not fit.
        """
        try:
            values = _read_values(folder / FILE)
            values.folds = read_folds(folder / "folds.json")
            values.card = read_card(folder / "card.json")
            values.curves = read_numbers(folder / "curves.csv")
            choices = folder / "choices.csv"
            values.choices = read_numbers(choices) if choices.is_file() else []
        except (OSError, ValueError, csv.Error) as error:
            raise UserError(f"{folder}: predictions missing or damaged ({error}); `dvc repro` makes them") from error
        return values


def _read_values(path: Path) -> Values:
    with path.open(encoding="utf-8", newline="") as file:
        header, *table = csv.reader(file)
    targets = header[len(COLUMNS) :: 2]
    if header != [*COLUMNS, *(name for target in targets for name in (target, f"{PREDICTED}{target}"))]:
        raise ValueError(f"its columns are not {', '.join(COLUMNS)}, and two of each target")
    values = Values(targets)
    for fold, part, key, speaker, *cells in table:
        row = np.array(cells, float)
        if len(row) != 2 * len(targets) or not np.isfinite(row).all():
            raise ValueError(f"{len(row)} numbers of {key!r}")
        values.add(int(fold), part, [key], [speaker], row[None, ::2], row[None, 1::2])
    return values
