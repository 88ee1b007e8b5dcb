"""The methods of decision-level fusion: functions of the branches' class probabilities, fitted to labels.

Wei et al. 2025 fuse two branches (eqs. 8-10) and compare the methods in table 5; here there may be more.
"""

from collections.abc import Callable, Iterator, Sequence
from math import comb

import numpy as np
from numpy.typing import NDArray

from pipeline.config.fusions import FusionParams
from pipeline.experiments.gate import fit_gate

Probabilities = NDArray[np.float64]
Labels = NDArray[np.int64]
Fused = Callable[[Sequence[Probabilities]], Probabilities]
"""each branch's probabilities (n, C), in the order fitted on -> those of the fusion (n, C)"""

STEPS, POINTS = 20, 2000
"""the finest grid of weights, and about how many points one may have"""


def fit(params: FusionParams, branches: Sequence[Probabilities], y: Labels, seed: int = 0) -> Fused:
    """Fit the fusion that `params.method` names to probabilities (n, C) of each branch and labels (n,)."""
    if params.method == "logistic_regression":
        return logistic_regression(branches, y, params.c)
    if params.method == "gated":
        return gated(branches, y, params.c, params.gate_units, seed)
    return weighted_average(branches, y)


def logistic_regression(branches: Sequence[Probabilities], y: Labels, c: float) -> Fused:
    """Fit softmax(W [p1; ...; pN] + b), W of shape (C, N C)."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, max_iter=1000).fit(np.hstack(branches), y)
    classes = branches[0].shape[1]

    def fused(branches: Sequence[Probabilities]) -> Probabilities:
        out = np.zeros((len(branches[0]), classes))
        out[:, model.classes_] = model.predict_proba(np.hstack(branches))
        return out

    return fused


def weighted_average(branches: Sequence[Probabilities], y: Labels) -> Fused:
    """Fit sum_i w_i p_i, where all w_i >= 0 and sum to 1: the weights of `simplex` with the best accuracy.

    Among equals it is those nearest to equal weights, and then those that give the first branch most.
    """
    weights = simplex(len(branches))
    accuracy = [np.mean(_mixed(row, branches).argmax(axis=1) == y) for row in weights]
    distance = np.square(weights - 1 / len(branches)).sum(axis=1)
    best = max(zip(accuracy, -distance, weights.tolist(), strict=True))[2]
    return lambda branches: _mixed(best, branches)


def simplex(branches: int) -> Probabilities:
    """The sets of weights (points, branches) to choose from.

    All those of multiples of 1/s, and equal weights; s is 20, or, from five branches on, the greatest number that
    makes no more than 2000 points: 12 for five branches, 8 for six.
    """
    fits = (s for s in range(STEPS, 1, -1) if comb(s + branches - 1, branches - 1) <= POINTS)
    steps = next(fits, 1)
    first = np.linspace(0, 1, steps + 1)[list(_counts(steps, branches - 1))]
    grid = np.hstack([first, np.maximum(1 - first.sum(axis=1, keepdims=True), 0)])
    return np.vstack([grid, np.full((1, branches), 1 / branches)])


def _counts(steps: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Every choice of so many whole numbers whose sum is at most `steps`."""
    if not parts:
        yield ()
        return
    for count in range(steps + 1):
        for rest in _counts(steps - count, parts - 1):
            yield (count, *rest)


def gated(branches: Sequence[Probabilities], y: Labels, c: float, units: int = 0, seed: int = 0) -> Fused:
    """Fit sum_i w_i p_i, in which a gate (see `gate.py`) chooses w for each utterance from [p1; ...; pN], (n, N C).

    Args:
        branches: probabilities (n, C) of each branch.
        y: labels (n,).
        c: inverse regularisation strength.
        units: hidden units of the gate; 0 for a logistic one.
        seed: of the hidden units' start.
    """
    rows, chance = np.arange(len(y)), 1 / branches[0].shape[1]

    def inputs(branches: Sequence[Probabilities]) -> Probabilities:
        return np.hstack(branches) - chance

    gate = fit_gate(inputs(branches), np.array([branch[rows, y] for branch in branches]), c, units, seed)
    return lambda branches: _mixed(gate.weigh(inputs(branches))[0][:, :, None], branches)


def _mixed(weights: Sequence[float] | Probabilities, branches: Sequence[Probabilities]) -> Probabilities:
    """The sum of weights times probabilities, branch by branch."""
    return np.asarray(sum(weight * branch for weight, branch in zip(weights, branches, strict=True)))
