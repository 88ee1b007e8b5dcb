"""The methods of decision-level fusion: combiners of the branches' class probabilities, fitted to labels.

Wei et al. 2025 fuse two branches (eqs. 8-10) and compare the methods in table 5; here there may be more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.config.fusions import FusionParams
from pipeline.experiments.combiner import (
    Combiner,
    Examples,
    Labels,
    Layout,
    Numbers,
    Probabilities,
    checked,
    class_weights,
)
from pipeline.experiments.fusion_gate import Gate, fit_gate

STEPS, POINTS = 20, 2000
"""the finest grid of weights, and about how many points one may have"""


@dataclass(frozen=True)
class Linear(Combiner):
    """softmax(W [p1; ...; pN] + b), W of shape (K, N C): a probability for each of the K classes fitted on."""

    weight: Probabilities
    bias: Probabilities
    layout: Layout

    def __call__(self, branches: Sequence[Probabilities]) -> Probabilities:
        """Probabilities (n, C); 0 for a class that was not fitted on."""
        scores = np.hstack(branches) @ self.weight.T + self.bias
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return self.layout.widened(powers / powers.sum(axis=1, keepdims=True))

    @property
    def numbers(self) -> Numbers:
        """W and b."""
        return {"weight": self.weight, "bias": self.bias}

    @classmethod
    def from_numbers(cls, numbers: Numbers, layout: Layout, params: FusionParams) -> Self:
        """See `Combiner`."""
        count = len(layout.fitted)
        known = checked(numbers, {"weight": (count, layout.dims), "bias": (count,)})
        return cls(known["weight"], known["bias"], layout)

    def weights(self, branches: Sequence[Probabilities]) -> Probabilities:
        """W, see `class_weights`."""
        return class_weights(self.weight, self.layout)


def logistic_regression(branches: Sequence[Probabilities], y: Labels, c: float) -> Linear:
    """Fit `Linear` with scikit-learn's logistic regression, of inverse regularisation strength c."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, max_iter=1000).fit(np.hstack(branches), y)
    weight, bias = model.coef_, model.intercept_
    if len(weight) == 1:  # of two classes, the second's log odds
        weight, bias = (np.concatenate([np.zeros_like(part), part]) for part in (weight, bias))
    # As they will be when read: the order of an array in memory decides how a product is rounded.
    return Linear(np.ascontiguousarray(weight), np.ascontiguousarray(bias), Layout.of(Examples(branches, y)))


@dataclass(frozen=True)
class Average(Combiner):
    """sum_i w_i p_i, where all w_i >= 0 and sum to 1."""

    shares: Probabilities

    def __call__(self, branches: Sequence[Probabilities]) -> Probabilities:
        """The weighted mean (n, C)."""
        return _mixed(self.shares, branches)

    @property
    def numbers(self) -> Numbers:
        """The weights w (N,)."""
        return {"weights": self.shares}

    @classmethod
    def from_numbers(cls, numbers: Numbers, layout: Layout, params: FusionParams) -> Self:
        """See `Combiner`."""
        return cls(checked(numbers, {"weights": (layout.branches,)})["weights"])

    def weights(self, branches: Sequence[Probabilities]) -> Probabilities:
        """The weights w (N,)."""
        return self.shares


def weighted_average(branches: Sequence[Probabilities], y: Labels) -> Average:
    """Fit `Average`: of the weights of `simplex`, those with the best accuracy.

    Among equals it is those nearest to equal weights, and then those that give the first branch most.
    """
    weights = simplex(len(branches))
    accuracy = [np.mean(_mixed(row, branches).argmax(axis=1) == y) for row in weights]
    distance = np.square(weights - 1 / len(branches)).sum(axis=1)
    return Average(np.array(max(zip(accuracy, -distance, weights.tolist(), strict=True))[2]))


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


@dataclass(frozen=True)
class Gated(Combiner):
    """sum_i w_i p_i, in which a gate (see `gate.py`) chooses w for each utterance from [p1; ...; pN], (n, N C)."""

    gate: Gate

    def __call__(self, branches: Sequence[Probabilities]) -> Probabilities:
        """Each utterance's own weighted mean (n, C)."""
        return _mixed(self._shares(branches)[:, :, None], branches)

    @property
    def numbers(self) -> Numbers:
        """The gate's parameters, in one vector."""
        return {"parameters": self.gate.parameters}

    @classmethod
    def from_numbers(cls, numbers: Numbers, layout: Layout, params: FusionParams) -> Self:
        """See `Combiner`."""
        count = Gate.parameter_count(layout.dims, params.gate_units, layout.branches)
        parameters = checked(numbers, {"parameters": (count,)})["parameters"]
        return cls(Gate(layout.dims, params.gate_units, parameters, layout.branches))

    def weights(self, branches: Sequence[Probabilities]) -> Probabilities:
        """The mean weights (N,) over these utterances."""
        return np.asarray(self._shares(branches).mean(axis=1))

    def _shares(self, branches: Sequence[Probabilities]) -> Probabilities:
        """Weights (N, n)."""
        return self.gate.weigh(_gate_inputs(branches))[0]


def gated(branches: Sequence[Probabilities], y: Labels, c: float, units: int = 0, seed: int = 0) -> Gated:
    """Fit `Gated`.

    Args:
        branches: probabilities (n, C) of each branch.
        y: labels (n,).
        c: inverse regularisation strength.
        units: hidden units of the gate; 0 for a logistic one.
        seed: of the hidden units' start.
    """
    right = np.array([branch[np.arange(len(y)), y] for branch in branches])
    return Gated(fit_gate(_gate_inputs(branches), right, c, units, seed))


def _gate_inputs(branches: Sequence[Probabilities]) -> Probabilities:
    return np.hstack(branches) - 1 / branches[0].shape[1]


def _mixed(weights: NDArray[np.float64], branches: Sequence[Probabilities]) -> Probabilities:
    """The sum of weights times probabilities, branch by branch."""
    return np.asarray(sum(weight * branch for weight, branch in zip(weights, branches, strict=True)))
