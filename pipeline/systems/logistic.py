"""Multinomial logistic regression with an L2 penalty, scikit-learn's, of one table at several strengths."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.systems.soft_labels import FloatArray, duplicated, repeated

TOLERANCE = 1e-4
"""of the gradient, scikit-learn's own"""


def logistic_path(
    table: FloatArray, truth: FloatArray, strengths: Sequence[float], balanced: bool
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Weights (classes, dims) and biases (classes,) for each inverse strength of the penalty, in their order.

    The penalty keeps the weights in the span of the table's rows, so that with fewer rows than columns (hidden states
    have thousands) the problem is solved, to the same solution, in as many dimensions as there are rows. Each fit
    starts from the one before.

    Args:
        table: standardised vectors (N, dims).
        truth: (N, classes) share of each class in each utterance, summing to 1; labels are shares of 1.
        strengths: ascending.
        balanced: whether classes are weighted inversely to their frequency.
    """
    from sklearn.linear_model import LogisticRegression

    table, basis = spanned(table)
    rows, codes, shares = duplicated(truth, balanced)
    table = repeated(table, rows)
    model = LogisticRegression(max_iter=10_000, tol=TOLERANCE, warm_start=True)
    for strength in strengths:
        model.set_params(C=strength).fit(table, codes, sample_weight=shares)
        weights, bias = of_each_class(model.coef_.copy(), model.intercept_.copy())
        yield (weights if basis is None else weights @ basis.T), bias


def spanned(table: FloatArray) -> tuple[FloatArray, FloatArray | None]:
    """Rows in an orthonormal basis of their own span, (N, N), and that basis (dims, N); of many rows, as they are."""
    if len(table) >= table.shape[1]:
        return table, None
    basis, triangle = np.linalg.qr(table.T)
    return np.ascontiguousarray(triangle.T), basis


def of_each_class(weights: FloatArray, bias: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A row for each class; scikit-learn's of two classes are the second's log odds."""
    if len(weights) > 1:
        return weights, bias
    return np.concatenate([np.zeros_like(weights), weights]), np.concatenate([np.zeros_like(bias), bias])


def standard(table: NDArray[np.floating]) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of each column; 1 for what never varies."""
    scale = table.std(axis=0, dtype=np.float64)
    scale[scale <= 1e-8] = 1
    return table.mean(axis=0, dtype=np.float64), scale


def softmax(logits: NDArray[Any], axis: int = -1) -> NDArray[Any]:
    """Softmax over an axis, the last one unless another is named."""
    powers = np.exp(logits - logits.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))
