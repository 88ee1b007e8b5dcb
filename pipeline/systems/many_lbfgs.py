"""Limited-memory BFGS for many problems at once, which share what is costly: one product serves them all."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

MEMORY = 6
"""steps that are remembered"""


@dataclass
class Steps:
    """What P problems remember of their last steps (Liu & Nocedal 1989, doi:10.1007/BF01589116).

    Attributes:
        moves: of the unknowns, each (P, outputs, unknowns).
        changes: of the gradient then, of the same shape.
    """

    moves: list[FloatArray] = field(default_factory=list)
    changes: list[FloatArray] = field(default_factory=list)

    def add(self, move: FloatArray, change: FloatArray) -> None:
        """Remember a step of each, and forget the oldest."""
        self.moves, self.changes = [*self.moves, move][-MEMORY:], [*self.changes, change][-MEMORY:]

    def kept(self, chosen: NDArray[np.bool_]) -> "Steps":
        """Of the problems that are chosen, (P,)."""
        return Steps([move[chosen] for move in self.moves], [change[chosen] for change in self.changes])

    def direction(self, gradient: FloatArray, inverse: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """Where to go from a gradient (P, outputs, unknowns).

        Args:
            gradient: at the unknowns.
            inverse: multiplies by what stands for the inverse of the Hessian before anything is remembered.
        """
        rest, shares = gradient.copy(), []
        curvatures = [_positive(inner(move, change)) for move, change in zip(self.moves, self.changes, strict=True)]
        steps = [*zip(self.moves, self.changes, curvatures, strict=True)]
        for move, change, curvature in reversed(steps):
            shares.append(inner(move, rest) / curvature)
            rest -= spread(shares[-1]) * change
        rest = inverse(rest)
        for (move, change, curvature), share in zip(steps, reversed(shares), strict=True):
            rest += spread(share - inner(change, rest) / curvature) * move
        return -rest


def _positive(curvature: FloatArray) -> FloatArray:
    """Infinite where rounding has left none, so that such a step counts for nothing."""
    return np.where(curvature > 0, curvature, np.inf)


def inner(one: FloatArray, other: FloatArray) -> FloatArray:
    """The inner product of each problem's arrays (P, outputs, unknowns): (P,)."""
    return np.asarray(np.einsum("pqd,pqd->p", one, other))


def spread(values: FloatArray) -> FloatArray:
    """A number of each problem (P,) beside its arrays."""
    return values[:, None, None]
