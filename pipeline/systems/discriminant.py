"""Linear discriminant analysis of one table at several strengths of regularisation, and how sure it may be."""

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.systems.logistic import spanned
from pipeline.systems.soft_labels import FloatArray, duplicated, repeated

SHARPEST = 10.0
"""bound of the factor of scores, and its reciprocal's"""


def discriminant_path(
    table: FloatArray, truth: FloatArray, strengths: Sequence[float], balanced: bool
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Weights (classes, dims) and biases (classes,) for each strength C, in their order.

    The covariance within classes has 1 / (C N) added to its diagonal (Friedman 1989, "Regularized discriminant
    analysis", whose gamma this is in other units), so that dimensions may be more than utterances. It is decomposed
    once for all strengths, in the span of the rows. It is scikit-learn's `LinearDiscriminantAnalysis(solver="lsqr")`
    with such an estimator of the covariance.

    Args:
        table: standardised vectors (N, dims).
        truth: (N, classes) share of each class in each utterance, summing to 1; labels are shares of 1.
        strengths: above 0.
        balanced: whether each class counts the same in the covariance, and as likely; or as it is there.
    """
    table, basis = spanned(table)
    (count, classes), sizes = truth.shape, truth.sum(axis=0)
    priors = np.full(classes, 1 / classes) if balanced else sizes / count
    rows, codes, shares = duplicated(truth, balanced=False)
    table, parts = repeated(table, rows), [codes == code for code in range(classes)]
    means = np.stack([np.average(table[own], axis=0, weights=shares[own]) for own in parts])
    deviations = (table - means[codes]) * np.sqrt(shares * (priors / sizes)[codes])[:, None]
    spread, axes = np.linalg.eigh(deviations.T @ deviations)
    directions = axes if basis is None else basis @ axes
    centre = priors @ means
    along = (means - centre) @ axes
    for strength in strengths:
        weights = along / (np.maximum(spread, 0) + 1 / (strength * count))
        bias = np.log(priors) - weights @ (axes.T @ centre) - (weights * along).sum(axis=1) / 2
        yield weights @ directions.T, bias


def sharpness(scores: FloatArray, truth: FloatArray) -> float:
    """The factor of scores (N, classes) with which the cross-entropy of their softmax to shares is lowest.

    It is the reciprocal of the temperature of Guo et al. (2017, "On calibration of modern neural networks", section
    4.2), to be had of utterances that the scores were not fitted to.

    Args:
        scores: of each utterance and class.
        truth: (N, classes), as in `discriminant_path`.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    own = (truth * scores).sum(axis=1)

    def log_loss(exponent: float) -> float:
        factor = np.exp(exponent)
        return float(np.mean(logsumexp(factor * scores, axis=1) - factor * own))

    limit = float(np.log(SHARPEST))
    return float(np.exp(minimize_scalar(log_loss, bounds=(-3 * limit, limit), method="bounded").x))
