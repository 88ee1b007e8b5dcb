"""Intervals of concordance, by the bootstrap of units: speakers, or utterances; see `bootstrap`.

An interval is Student's t of the bootstrap's standard error on the scale of Fisher's z, on which a correlation is
nearly normal, as Lin (1989, "A concordance correlation coefficient to evaluate reproducibility", section 3) takes it.
Where samples of units do not differ they tell no error, and nothing can be said: an interval is then all that its
figure can be.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.config.scoring import ScoringParams
from pipeline.evaluation.bootstrap import TIE, difference_p, reach, standard_error
from pipeline.evaluation.bootstrap import resampled as resampled_tables

FloatArray = NDArray[np.float64]


def moments(predicted: FloatArray, truth: FloatArray, units: Sequence[str]) -> FloatArray:
    """What each unit adds to a concordance, (units, 6, targets): how many it has, and the sums of predicted and true
    numbers, of their squares and of their products.

    Args:
        predicted: (N, targets).
        truth: (N, targets).
        units: the unit of each, (N,).
    """
    middle = truth.mean(axis=0)  # of which no figure depends, but for rounding
    x, y = predicted - middle, truth - middle
    numbers = np.unique(np.array(units), return_inverse=True)[1]
    sums = np.zeros((numbers.max() + 1, 6, truth.shape[1]))
    np.add.at(sums, numbers, np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1))
    return sums


def concordances(sums: FloatArray) -> FloatArray:
    """CCC (samples, targets) of moments (samples, 6, targets); 0 where nothing varies and the means are equal."""
    count, *rest = np.moveaxis(sums, 1, 0)
    x, y, xx, yy, xy = (each / count for each in rest)
    part, whole = 2 * (xy - x * y), xx - x * x + yy - y * y + (x - y) ** 2
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 1e-12 * (xx + yy))


def squared_errors(sums: FloatArray) -> FloatArray:
    """Mean squared errors (samples, targets) of moments (samples, 6, targets)."""
    count, _, _, xx, yy, xy = np.moveaxis(sums, 1, 0)
    return np.asarray(np.maximum((xx + yy - 2 * xy) / count, 0))


def resampled(sums: FloatArray, params: ScoringParams, seed: int | Sequence[int]) -> FloatArray:
    """CCC (1 + samples, targets): first of the units (units, 6, targets) themselves, then of samples of them."""
    return concordances(resampled_moments(sums, params, seed))


def resampled_moments(sums: FloatArray, params: ScoringParams, seed: int | Sequence[int]) -> FloatArray:
    """Moments (1 + samples, 6, targets): first of the units (units, 6, targets) themselves, then of samples of them."""
    (moments,) = resampled_tables([sums], np.ones((len(sums), 1)), params.bootstrap, seed)
    return moments


def correlation_interval(value: float, samples: FloatArray, units: int, confidence: float) -> list[float]:
    """The ends of the interval of a correlation, which lie from -1 to 1.

    Args:
        value: of the units themselves.
        samples: the same of samples of them.
        units: how many there are; of one nothing can be said.
        confidence: of the interval.
    """
    if units < 2:
        return [-1.0, 1.0]
    error, slope = standard_error(samples, units), 1 - value**2
    if error < TIE or slope <= 0:
        return [-1.0, 1.0]
    width = reach(units, confidence) * error / slope
    return [float(np.tanh(np.arctanh(value) - width)), float(np.tanh(np.arctanh(value) + width))]


def error_interval(value: float, samples: FloatArray, units: int, confidence: float) -> tuple[float, float | None]:
    """The ends of the interval of a mean squared error, by Student's t on the scale of its logarithm.

    Args:
        value: of the units themselves.
        samples: the same of samples of them.
        units: how many there are; of one nothing can be said, and there is no upper end.
        confidence: of the interval.
    """
    error = standard_error(samples, units) if units > 1 else 0.0
    if error < TIE * value or not value:
        return 0.0, None
    width = reach(units, confidence) * error / value
    return value * float(np.exp(-width)), value * float(np.exp(width))


def correlation_difference(
    difference: float, samples: FloatArray, units: int, confidence: float
) -> tuple[float, float, float]:
    """The ends of the interval of a difference of two correlations, from -2 to 2, and the p that there is none."""
    p, error = difference_p(difference, samples, units), standard_error(samples, units) if units > 1 else 0.0
    if error < TIE:
        return -2.0, 2.0, p
    width = reach(units, confidence) * error
    return max(-2.0, difference - width), min(2.0, difference + width), p
