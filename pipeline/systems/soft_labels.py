"""Labels that raters did not agree on: of each utterance the share of each class, beside the one that most chose."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError


@dataclass(frozen=True, eq=False)
class SoftLabels:
    """What `fit` takes in the place of N labels, where a system `takes_votes`.

    Attributes:
        classes: those that shares are of, sorted.
        shares: (N, classes), of each utterance summing to 1.
        labels: the N labels, of which nothing but shares is learned.
    """

    classes: Sequence[str]
    shares: NDArray[np.float64]
    labels: Sequence[str]

    def __post_init__(self) -> None:
        if self.shares.shape != (len(self.labels), len(self.classes)) or not np.allclose(self.shares.sum(axis=1), 1):
            raise DataError(
                f"shares of {len(self.labels)} labels and {len(self.classes)} classes must sum to 1 in each row"
            )

    def present(self) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
        """The classes that have any share (C,), and the shares of these (N, C)."""
        there = self.shares.sum(axis=0) > 0
        return np.array(self.classes, str)[there], self.shares[:, there]


def duplicated(shares: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Each utterance once for each class that it has a share of: its row, the class, and the share as a weight.

    A sum of weighted cross-entropies over these is that against the distribution.
    """
    rows, codes = np.nonzero(shares)
    return rows, codes, shares[rows, codes]
