"""Classifiers of one layer each as one: what each counts is told by what none of them was fitted to."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.systems.classical import FloatArray

PULL = 0.1
"""of shares towards equal ones, in nats of log-loss for a distance of 1: inner folds are few speakers"""


def shares_of(log_probabilities: Sequence[FloatArray], truth: FloatArray) -> FloatArray:
    """How much each classifier counts, (classifiers,), none below 0, where their log-probabilities are summed.

    Stacking (Wolpert 1992) by the logarithmic opinion pool (Heskes 1998, "Selecting weighting factors in logarithmic
    opinion pools"), whose shares are not bound to sum to 1. They have the lowest log-loss plus `PULL` times their
    squared distance from equal shares; to shares of classes, the log-loss is the cross-entropy.

    Args:
        log_probabilities: of each classifier, (N, classes), of utterances that it was not fitted to; none for equal
            shares.
        truth: (N, classes) share of each class in each utterance, summing to 1; labels are shares of 1.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    count = len(log_probabilities)
    equal = np.full(count, 1 / count)
    if not len(truth):
        return equal
    stacked = np.stack(log_probabilities)

    def loss(shares: FloatArray) -> tuple[float, FloatArray]:
        logs = log_softmax(np.tensordot(shares, stacked, 1), axis=1)
        slope = np.exp(logs) - truth
        away = shares - equal
        return float(PULL * away @ away - (truth * logs).sum(axis=1).mean()), (
            np.einsum("mnc,nc->m", stacked, slope) / len(truth) + 2 * PULL * away
        )

    found = minimize(loss, equal, jac=True, method="L-BFGS-B", bounds=[(0, None)] * count)
    return np.asarray(found.x)


def joined(
    weights: Sequence[FloatArray],
    biases: Sequence[FloatArray],
    columns: Sequence[NDArray[np.int64]],
    shares: FloatArray,
    dims: int,
) -> tuple[FloatArray, FloatArray]:
    """Linear classifiers of some columns each as one of all, whose softmax is that of the shares' sum.

    Args:
        weights: (classes, columns) of each.
        biases: (classes,) of each.
        columns: which each reads.
        shares: (classifiers,).
        dims: of all columns.

    Returns:
        Weights (classes, dims) and biases (classes,).
    """
    whole = np.zeros((len(weights[0]), dims))
    for own, read, share in zip(weights, columns, shares, strict=True):
        whole[:, read] += share * own
    return whole, np.tensordot(shares, np.stack(biases), 1)
