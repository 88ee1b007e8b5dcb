"""How much each branch of a fusion counts: by class, where the method tells classes apart; over folds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.experiments.fusion import Fusion
from pipeline.experiments.predictions import write_csv

COLUMNS = ("class", "branch", "probability_of", "weight", "std")
"""of the table: for a class, what each branch's probability of each class counts; or a number a branch for all"""

FILE = "weights.csv"

Masked = np.ma.MaskedArray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Weights:
    """Weights of a fusion, as `Combiner.weights` has them, over folds.

    Attributes:
        classes: C emotions.
        branches: N names.
        mean: (C, N, C), (N,), or (0,) where the method has none; masked where no fold was fitted on the class.
        std: standard deviation over the folds (N - 1), of the same shape; masked where there is one fold.
    """

    classes: list[str]
    branches: list[str]
    mean: Masked
    std: Masked

    @classmethod
    def of(cls, fusion: Fusion) -> "Weights":
        """Those of a fusion."""
        folds = np.ma.masked_invalid(np.array(fusion.weights()))
        mean = np.ma.mean(folds, axis=0)
        std = np.ma.std(folds, axis=0, ddof=1) if len(folds) > 1 else np.ma.masked_all_like(mean)
        return cls(fusion.members[0].classes, fusion.params.of, mean, std)

    def write(self, path: Path) -> None:
        """Write the table as CSV."""
        if self.mean.ndim == 1:
            places = [("", branch, "") for branch in self.branches[: len(self.mean)]]
        else:
            places = [*product(self.classes, self.branches, self.classes)]
        figures = zip(places, self.mean.ravel(), self.std.ravel(), strict=True)
        write_csv(path, COLUMNS, ([*place, _figure(mean), _figure(std)] for place, mean, std in figures))

    def table(self) -> str:
        """As text: for each class (a row), what each branch's probability of that class counts; "" where none does.

        The mean over folds, and the standard deviation.
        """
        if not self.mean.size:
            return ""
        own = np.arange(len(self.classes))
        mean, std = (part[own, :, own] if part.ndim > 1 else part[None] for part in (self.mean, self.std))
        names = self.classes if self.mean.ndim > 1 else ["all classes"]
        cells = [[*map(_cell, *row)] for row in zip(mean, std, strict=True)]
        columns = [["", *names], *map(list, zip(self.branches, *cells, strict=True))]
        own_class = "weight of each branch's probability of the class itself"
        title = own_class if self.mean.ndim > 1 else "each branch's weight"
        lines = ("  ".join(row) for row in zip(*map(_justified, columns), strict=True))
        return "\n".join([f"{title}, mean over folds ± deviation:", *lines])


def _justified(column: Sequence[str]) -> list[str]:
    """Names to the left, the first of which is empty, and figures to the right."""
    width = max(map(len, column))
    return [cell.rjust(width) if column[0] else cell.ljust(width) for cell in column]


def _cell(mean: Any, std: Any) -> str:
    if mean is np.ma.masked or std is np.ma.masked:
        return "-" if mean is np.ma.masked else _figure(mean, 2)
    return f"{_figure(mean, 2)} ± {_figure(std, 2)}"


def _figure(value: Any, digits: int = 4) -> str:
    return "" if value is np.ma.masked else f"{value:z.{digits}f}"
