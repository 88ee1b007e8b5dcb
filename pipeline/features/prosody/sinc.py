"""Interpolation of a sampled function by windowed sinc functions, and its maxima (Boersma 1993, equation 22).

Between two samples the interpolation depends on the samples by fixed functions of the place. They are replaced by
polynomials, so that a product of matrices gives the interpolation around every maximum at once.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.features.prosody.brent import largest

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DEGREE = 15
"""of the polynomials that replace interpolation: their error is that of rounding"""


@lru_cache(maxsize=4)
def interpolation(depth: int) -> FloatArray:
    """Equation 22 between two samples as polynomials in u, from -1 at the left one to 1 at the right one.

    Returns:
        Coefficients, lowest first, for each of the samples from `depth` before to `depth` after a maximum, of the
        polynomial left of it and then of that right of it: (2 * depth + 1, 2 * (DEGREE + 1)).
    """
    u = np.cos(np.pi * (np.arange(2 * DEGREE) + 0.5) / (2 * DEGREE))
    part, k = ((u + 1) / 2)[:, None], np.arange(depth)

    def side(near: FloatArray) -> FloatArray:
        distance = near + k
        taper = 0.5 + 0.5 * np.cos(np.pi * distance / (near + depth))
        return np.sinc(distance) * taper

    weights = np.concatenate([side(part)[:, ::-1], side(1 - part)], axis=1)
    chebyshev = np.polynomial.chebyshev.chebfit(u, weights, DEGREE)
    basis = np.zeros((DEGREE + 1, DEGREE + 1))
    for n in range(DEGREE + 1):
        basis[n, : n + 1] = np.polynomial.chebyshev.cheb2poly(np.eye(DEGREE + 1)[n, : n + 1])
    both = np.zeros((2 * depth + 1, 2 * (DEGREE + 1)))
    both[:-1, : DEGREE + 1] = both[1:, DEGREE + 1 :] = chebyshev.T @ basis
    return both


def values(coefficients: FloatArray, u: FloatArray) -> FloatArray:
    """Value of each polynomial, (DEGREE + 1, n), at its own place: (n,)."""
    value = coefficients[DEGREE].copy()
    for coefficient in coefficients[DEGREE - 1 :: -1]:
        value *= u
        value += coefficient
    return value


def highest(lag: IntArray, polynomials: FloatArray, offset: int) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """Where the interpolated autocorrelation has its maxima within a sample of these lags, how high, and how sure.

    A maximum above 1, from a window that is short, is mirrored at 1.
    """
    if not len(lag):
        return np.zeros(0), np.zeros(0), np.zeros(0, np.bool_)
    count = len(lag)
    coefficients = np.empty((DEGREE + 1, 2 * count))
    np.concatenate(np.split(polynomials.T, 2), axis=1, out=coefficients)
    centre = (lag + offset).astype(np.float64)

    def value(x: FloatArray, which: IntArray) -> FloatArray:
        shift = x - centre[which]
        right = shift >= 0
        # Numpy takes columns fastest so; none is outside.
        chosen = coefficients.take(which + count * right, axis=1, mode="clip")
        return values(chosen, 2 * shift + np.where(right, -1.0, 1.0))

    place, height, unsure = largest(value, centre - 1, centre + 1)
    return place - offset, np.where(height > 1, 1 / height, height), unsure
