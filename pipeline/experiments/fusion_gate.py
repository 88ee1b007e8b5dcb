"""A gate that weighs the branches' class probabilities, each utterance by its own weights.

Wei et al. 2025 compare such a "gated fusion" (table 5) and describe no more of it than "dynamic weight allocation".
Theirs has two branches; for more, the sigmoid becomes a softmax.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Gate:
    """w = softmax(V h + a), where h is the input z, or, with hidden units, tanh(U z + b).

    The last branch's score is 0, so that V and a have a row less than there are branches: of two, the first one's
    weight is sigmoid(v h + a).

    Attributes:
        dims: length of z.
        units: hidden units; 0 for a gate that is linear but for the softmax.
        parameters: a, V, b and U in one vector, as `fit_gate` finds them.
        branches: how many it weighs.
    """

    dims: int
    units: int
    parameters: Values
    branches: int = 2

    @staticmethod
    def parameter_count(dims: int, units: int, branches: int) -> int:
        """How many parameters there are."""
        return (branches - 1) * (1 + (units or dims)) + units * (1 + dims)

    def weigh(self, z: Values) -> tuple[Values, Values]:
        """The weights w (branches, N) of inputs z (N, dims), and what V multiplies, h (N, units or dims)."""
        hidden = np.tanh(z @ self._inner[:, 1:].T + self._inner[:, 0]) if self.units else z
        biases = self.parameters[: self.branches - 1]
        scores = [bias + hidden @ row for bias, row in zip(biases, self._outer, strict=True)]
        return _softmax(np.array([*scores, np.zeros(len(z))])), hidden

    @property
    def _outer(self) -> Values:
        """V, (branches - 1, units or dims)."""
        start, width = self.branches - 1, self.units or self.dims
        return self.parameters[start : start + start * width].reshape(start, width)

    @property
    def _inner(self) -> Values:
        """[b, U], (units, 1 + dims)."""
        start = (self.branches - 1) * (1 + (self.units or self.dims))
        return self.parameters[start:].reshape(self.units, 1 + self.dims)

    def loss(self, z: Values, right: Values, c: float) -> tuple[float, Values]:
        """Sum of -log(sum_i w_i p_i) plus (2 sum_i |v_i - mean v|^2 + |U|^2) / (2 c), and its gradient.

        The rows of V count from their mean, the last branch's 0 among them, so that no branch stands out; with two
        branches that is |v|^2.

        Args:
            z: inputs (N, dims).
            right: each branch's probability of the right class (branches, N).
            c: inverse regularisation strength; as in logistic regression, biases are free.
        """
        weights, hidden = self.weigh(z)
        mixed = np.maximum((weights * right).sum(axis=0), 1e-12)
        slopes = ((right[None] - right[:, None]) / mixed * weights[:, None] * weights[None]).sum(axis=1)[:-1]
        back = (slopes.T @ self._outer) * (1 - hidden**2) if self.units else np.zeros((len(z), 0))
        inner = np.hstack([back.sum(axis=0)[:, None], back.T @ z])
        outer = [hidden.T @ slope for slope in slopes]
        gradient = np.concatenate([slopes.sum(axis=1), *outer, inner.ravel()])
        penalty, decayed = self._decay()
        return float(-np.log(mixed).sum() + penalty / (2 * c)), gradient + decayed / c

    def _decay(self) -> tuple[float, Values]:
        """What `loss` says of V and U, and half its gradient."""
        free = np.zeros(self.branches - 1)
        units = np.hstack([np.zeros((self.units, 1)), self._inner[:, 1:]]).ravel()
        centred = 2 * (self._outer - self._outer.sum(axis=0) / self.branches)
        plain = np.concatenate([free, self._outer.ravel(), units])
        decayed = np.concatenate([free, centred.ravel(), units])
        return float(plain @ decayed), decayed


def _softmax(scores: Values) -> Values:
    """Softmax over the first axis; the last one's weight is what the others leave."""
    ahead = np.clip(scores[None, :] - scores[:-1, None], -500, 500)
    weights = 1 / np.exp(ahead).sum(axis=1)
    return np.concatenate([weights, np.maximum(1 - weights.sum(axis=0, keepdims=True), 0)])


def fit_gate(z: Values, right: Values, c: float, units: int = 0, seed: int = 0) -> Gate:
    """The gate of the least `Gate.loss`, found by L-BFGS from equal weights and, if any, random hidden units."""
    from scipy.optimize import minimize

    dims, branches = z.shape[1], len(right)
    start = np.zeros(Gate.parameter_count(dims, units, branches))
    start[len(start) - units * (1 + dims) :] = np.random.default_rng(seed).standard_normal(units * (1 + dims))
    optimum = minimize(
        lambda parameters: Gate(dims, units, parameters, branches).loss(z, right, c),
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 1000},
    )
    return Gate(dims, units, optimum.x, branches)
