"""Multinomial logistic regression with an L2 penalty, scikit-learn's, of one table at several strengths."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

TOLERANCE = 1e-4
"""of the gradient, scikit-learn's own"""


def logistic_path(
    table: FloatArray, codes: NDArray[np.int64], strengths: Sequence[float], balanced: bool
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Weights (classes, dims) and biases (classes,) for each inverse strength of the penalty, in their order.

    The penalty keeps the weights in the span of the table's rows, so that with fewer rows than columns (hidden states
    have thousands) the problem is solved, to the same solution, in as many dimensions as there are rows. Each fit
    starts from the one before.

    Args:
        table: standardised vectors (N, dims).
        codes: (N,) class of each, from 0; each class is there.
        strengths: ascending.
        balanced: whether classes are weighted inversely to their frequency.
    """
    from sklearn.linear_model import LogisticRegression

    basis = None
    if len(table) < table.shape[1]:
        basis, triangle = np.linalg.qr(table.T)
        table = np.ascontiguousarray(triangle.T)
    model = LogisticRegression(
        class_weight="balanced" if balanced else None, max_iter=10_000, tol=TOLERANCE, warm_start=True
    )
    for strength in strengths:
        model.set_params(C=strength).fit(table, codes)
        weights, bias = model.coef_.copy(), model.intercept_.copy()
        if len(weights) == 1:  # of two classes, the second's log odds
            weights, bias = (np.concatenate([np.zeros_like(part), part]) for part in (weights, bias))
        yield (weights if basis is None else weights @ basis.T), bias
