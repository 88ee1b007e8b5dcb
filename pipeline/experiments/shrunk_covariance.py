"""A shrunk covariance by its axes, so that it can be raised to a power, however many dimensions there are."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

FLOOR = 1e-6
"""least variance along an axis, of the mean over the axes: a dimension that never varies has no reciprocal"""


@dataclass(frozen=True)
class Spectrum:
    """A covariance of `dims` dimensions.

    Attributes:
        values: (axes,) variance along each axis, above 0.
        axes: (dims, axes), orthonormal.
        rest: variance in every direction that is none of the axes'.
    """

    values: FloatArray
    axes: FloatArray
    rest: float

    @classmethod
    def of(cls, blocks: Iterable[FloatArray], count: int, dims: int) -> Self:
        """The covariance of centred rows by Ledoit & Wolf (2004, "A well-conditioned estimator").

        It is scikit-learn's `ledoit_wolf`, but of rows that need not be in memory at once, and with fewer rows than
        dimensions the square of the dimensions is not needed.

        Args:
            blocks: rows (some, dims), which are gone through once.
            count: rows in all, at least one.
            dims: of a row.
        """
        variances, axes, fourth = _of_few(blocks, count) if count < dims else _of_many(blocks, count, dims)
        mean = variances.sum() / dims
        share = shrinkage(variances, fourth, count, dims)
        rest = float(max(share * mean, FLOOR * mean, np.finfo(np.float64).tiny))
        return cls(np.maximum((1 - share) * variances + share * mean, rest), axes, rest)

    def power(self, rows: FloatArray, exponent: float) -> FloatArray:
        """Rows (N, dims) times the symmetric power of the covariance."""
        rest = self.rest**exponent
        along = (rows @ self.axes) * (self.values**exponent - rest)
        return np.asarray(rest * rows + along @ self.axes.T)


def shrinkage(variances: FloatArray, fourth: float, count: int, dims: int) -> float:
    """How much of the covariance is replaced by its mean variance, from 0 to 1.

    Args:
        variances: of the covariance as it is, along its axes, zeros left out or not.
        fourth: sum over the rows of the fourth power of their lengths.
        count: rows.
        dims: of a row.
    """
    squares = np.square(variances).sum()
    distance = squares - variances.sum() ** 2 / dims
    error = min((fourth / count - squares) / count, distance)
    return float(error / distance) if error > 0 else 0.0


def _of_few(blocks: Iterable[FloatArray], count: int) -> tuple[FloatArray, FloatArray, float]:
    """Variances, axes and the sum of fourth powers, in the span of the rows."""
    table = np.concatenate(list(blocks))
    _, lengths, axes = np.linalg.svd(table, full_matrices=False)
    return np.square(lengths) / count, axes.T, _fourth(table)


def _of_many(blocks: Iterable[FloatArray], count: int, dims: int) -> tuple[FloatArray, FloatArray, float]:
    """Variances, axes and the sum of fourth powers, by the sum of products."""
    products, fourth = np.zeros((dims, dims)), 0.0
    for block in blocks:
        products += block.T @ block
        fourth += _fourth(block)
    variances, axes = np.linalg.eigh(products / count)
    return np.maximum(variances, 0), axes, fourth


def _fourth(rows: FloatArray) -> float:
    return float(np.square(np.square(rows).sum(axis=1)).sum())
