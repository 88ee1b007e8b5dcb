"""A gate that weighs two branches' class probabilities, each utterance by its own weight.

Wei et al. 2025 compare such a "gated fusion" (table 5) and describe no more of it than "dynamic weight allocation".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Gate:
    """w = sigmoid(v h + a), where h is the input z, or, with hidden units, tanh(U z + b).

    Attributes:
        dims: length of z.
        units: hidden units; 0 for a logistic gate.
        parameters: a, v, b and U in one vector, as `fit` finds them.
    """

    dims: int
    units: int
    parameters: Values

    def weigh(self, z: Values) -> tuple[Values, Values]:
        """The weights w (N,) of inputs z (N, dims), and what v multiplies, h."""
        hidden = np.tanh(z @ self._inner[:, 1:].T + self._inner[:, 0]) if self.units else z
        score = self.parameters[0] + hidden @ self._outer
        return 1 / (1 + np.exp(-np.clip(score, -500, 500))), hidden

    @property
    def _outer(self) -> Values:
        return self.parameters[1 : 1 + (self.units or self.dims)]

    @property
    def _inner(self) -> Values:
        """[b, U], (units, 1 + dims)."""
        return self.parameters[1 + (self.units or self.dims) :].reshape(self.units, 1 + self.dims)

    def loss(self, z: Values, first: Values, second: Values, c: float) -> tuple[float, Values]:
        """Sum of -log(w p1 + (1 - w) p2) plus (|v|^2 + |U|^2) / (2 c), and its gradient.

        Args:
            z: inputs (N, dims).
            first: the first branch's probability of the right class (N,).
            second: the second branch's.
            c: inverse regularisation strength; as in logistic regression, biases are free.
        """
        weight, hidden = self.weigh(z)
        mixed = np.maximum(weight * first + (1 - weight) * second, 1e-12)
        slope = (second - first) / mixed * weight * (1 - weight)
        back = np.outer(slope, self._outer) * (1 - hidden**2) if self.units else np.zeros((len(z), 0))
        inner = np.hstack([back.sum(axis=0)[:, None], back.T @ z])
        gradient = np.concatenate([[slope.sum()], hidden.T @ slope, inner.ravel()])
        weights = np.hstack([np.zeros((self.units, 1)), self._inner[:, 1:]])
        decayed = np.concatenate([[0.0], self._outer, weights.ravel()])
        return float(-np.log(mixed).sum() + decayed @ decayed / (2 * c)), gradient + decayed / c


def fit_gate(z: Values, first: Values, second: Values, c: float, units: int = 0, seed: int = 0) -> Gate:
    """The gate of the least `Gate.loss`, found by L-BFGS from w = 1/2 and, if any, random hidden units."""
    from scipy.optimize import minimize

    dims = z.shape[1]
    start = np.zeros(1 + (units or dims) + units * (1 + dims))
    start[len(start) - units * (1 + dims) :] = np.random.default_rng(seed).standard_normal(units * (1 + dims))
    found = minimize(
        lambda parameters: Gate(dims, units, parameters).loss(z, first, second, c),
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 1000},
    )
    return Gate(dims, units, found.x)
