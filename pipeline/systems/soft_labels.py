"""Labels that raters did not agree on: of each utterance the share of each class, beside the one that most chose."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SoftLabels:
    """What `fit` takes in the place of N labels, where a system `takes_votes`.

    Attributes:
        classes: those that shares are of, sorted.
        shares: (N, classes), of each utterance summing to 1.
        labels: the N labels, of which nothing but shares is learned.
    """

    classes: Sequence[str]
    shares: FloatArray
    labels: Sequence[str]

    def __post_init__(self) -> None:
        if self.shares.shape != (len(self.labels), len(self.classes)) or not np.allclose(self.shares.sum(axis=1), 1):
            raise DataError(
                f"shares of {len(self.labels)} labels and {len(self.classes)} classes must sum to 1 in each row"
            )

    def present(self) -> tuple[NDArray[np.str_], FloatArray]:
        """The classes that have any share (C,), and the shares of these (N, C)."""
        there = self.shares.sum(axis=0) > 0
        return np.array(self.classes, str)[there], self.shares[:, there]


def of_labels(codes: Codes, classes: int) -> FloatArray:
    """Labels (N,), from 0, as shares (N, classes): 1 of each one's class."""
    return np.eye(classes)[codes]


def class_weights(shares: FloatArray, balanced: bool) -> FloatArray:
    """(classes,): 1, or inversely to the sum of a class's shares (N, classes), and 1 on average of utterances."""
    sums = shares.sum(axis=0)
    return len(shares) / (len(sums) * sums) if balanced else np.ones(len(sums))


def duplicated(shares: FloatArray, balanced: bool) -> tuple[Codes, Codes, FloatArray]:
    """Each utterance once for each class that it has a share of: its row, the class, and the share as a weight.

    A sum of weighted cross-entropies over these is that against the distribution.

    Args:
        shares: (N, classes), of each utterance summing to 1.
        balanced: whether weights are the class's besides, see `class_weights`.
    """
    rows, codes = np.nonzero(shares)
    return rows, codes, shares[rows, codes] * class_weights(shares, balanced)[codes]


def repeated(table: FloatArray, rows: Codes) -> FloatArray:
    """The rows of a table that `duplicated` names; where it names each once, the table, and no copy."""
    return table if len(rows) == len(table) else table[rows]


def tilted(shares: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What weights of classes (classes,) make of shares (N, classes): other shares, and weights of utterances (N,).

    Cross-entropies to these, so weighted, are those to `shares` whose terms are weighted by class.
    """
    weighted = shares * weights
    own = weighted.sum(axis=1)
    return weighted / own[:, None], own
