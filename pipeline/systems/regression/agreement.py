"""How well numbers agree with true ones."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

ROUNDING = 1e-24
"""variance that rounding can make of none, as a share of the mean square"""


def concordance(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """The concordance correlation coefficient, CCC, of each target (targets,), of numbers (N, targets).

    2 cov / (var + var + (difference of means)^2), whose moments divide by N: Pearson's correlation, lowered by what
    the two differ in mean and spread. 0 where nothing varies and the means are equal, or there is one utterance.

    Source: Lin 1989, "A concordance correlation coefficient to evaluate reproducibility", Biometrics 45(1), eq. 3.
    """
    between = predicted.mean(axis=0) - truth.mean(axis=0)
    shared = ((predicted - predicted.mean(axis=0)) * (truth - truth.mean(axis=0))).mean(axis=0)
    whole = predicted.var(axis=0) + truth.var(axis=0) + between**2
    return _ratio(2 * shared, whole, whole > ROUNDING * (_power(predicted) + _power(truth)))


def pearson(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """Pearson's correlation of each target (targets,), of numbers (N, targets); 0 where one of the two never varies."""
    shared = ((predicted - predicted.mean(axis=0)) * (truth - truth.mean(axis=0))).mean(axis=0)
    varies = (predicted.var(axis=0) > ROUNDING * _power(predicted)) & (truth.var(axis=0) > ROUNDING * _power(truth))
    return _ratio(shared, predicted.std(axis=0) * truth.std(axis=0), varies)


def squared_error(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    """The mean squared error of each target (targets,), of numbers (N, targets), on the target's scale squared."""
    return np.asarray(np.square(predicted - truth).mean(axis=0))


def _power(numbers: FloatArray) -> FloatArray:
    return np.asarray(np.square(numbers).mean(axis=0))


def _ratio(part: FloatArray, whole: FloatArray, where: NDArray[np.bool_]) -> FloatArray:
    return np.divide(part, whole, out=np.zeros_like(part), where=where)
