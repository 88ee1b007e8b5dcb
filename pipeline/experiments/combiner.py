"""What a method of decision fusion leaves: a combiner of the branches' class probabilities, kept as numbers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.config.fusions import FusionParams

Probabilities = NDArray[np.float64]
Labels = NDArray[np.int64]
Numbers = Mapping[str, NDArray[Any]]
"""name -> array of 64 bits a number"""

Shapes = Mapping[str, tuple[int | None, ...]]
"""name -> shape; None for any length"""


@dataclass(frozen=True)
class Examples:
    """What a fusion is fitted to, or judged by.

    Attributes:
        branches: probabilities (n, C) of each branch.
        y: labels (n,).
    """

    branches: Sequence[Probabilities]
    y: Labels


@dataclass(frozen=True)
class Layout:
    """What the numbers of a combiner are about, beside the fusion's params.

    Attributes:
        branches: how many there are, N.
        classes: how many there are, C.
        fitted: the classes in the labels fitted on, K, ascending.
    """

    branches: int
    classes: int
    fitted: tuple[int, ...]

    @classmethod
    def of(cls, examples: Examples) -> "Layout":
        """That of what is fitted to these examples."""
        fitted = tuple(int(code) for code in np.unique(examples.y))
        return cls(len(examples.branches), examples.branches[0].shape[1], fitted)

    @property
    def dims(self) -> int:
        """Length of [p1; ...; pN], N C."""
        return self.branches * self.classes

    def codes(self, y: Labels) -> Labels:
        """Labels as positions in `fitted`."""
        return np.searchsorted(self.fitted, y).astype(np.int64)

    def widened(self, probabilities: Probabilities) -> Probabilities:
        """Probabilities (n, K) of the classes fitted on as those of all (n, C), 0 for the others."""
        out = np.zeros((len(probabilities), self.classes))
        out[:, self.fitted] = probabilities
        return out


class Combiner(ABC):
    """A fitted fusion: each branch's probabilities (n, C), in the order fitted on -> those of the fusion (n, C)."""

    @abstractmethod
    def __call__(self, branches: Sequence[Probabilities]) -> Probabilities:
        """Fuse."""

    @property
    @abstractmethod
    def numbers(self) -> Numbers:
        """All that was fitted."""

    @classmethod
    @abstractmethod
    def from_numbers(cls, numbers: Numbers, layout: Layout, params: FusionParams) -> Self:
        """What had these numbers.

        Raises:
            ValueError: there are others, or they are of another shape, or not finite.
        """

    def weights(self, branches: Sequence[Probabilities]) -> Probabilities:
        """How much each branch counts: one number a branch (N,), or (C, N, C): for each class, that of each branch's
        probability of each class, NaN for a class that was not fitted on. Empty, (0,), where nothing is of that kind.

        Args:
            branches: probabilities to take the mean over, for what weighs each utterance anew.
        """
        return np.zeros(0)


def checked(numbers: Numbers, shapes: Shapes) -> Numbers:
    """The numbers, if they are what they should be, in the order of `shapes`.

    Raises:
        ValueError: one is missing, unknown, of another shape or type, or not finite.
    """
    for name in sorted({*numbers} ^ {*shapes}):
        raise ValueError(f"{name} is {'missing' if name in shapes else 'unknown'}")
    for name, shape in shapes.items():
        array = numbers[name]
        if array.dtype not in (np.float64, np.int64):
            raise ValueError(f"{name} is of type {array.dtype}")
        if array.ndim != len(shape) or any(n not in (None, m) for n, m in zip(shape, array.shape, strict=True)):
            wanted = ", ".join("any" if n is None else str(n) for n in shape)
            raise ValueError(f"{name} has the shape {array.shape} and not ({wanted})")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has numbers that are not finite")
    return {name: numbers[name] for name in shapes}


def class_weights(rows: Probabilities, layout: Layout) -> Probabilities:
    """Linear scores' weights (K, N C) as (C, N, C), NaN for a class that was not fitted on.

    Each column is less its mean over classes: the softmax does not see what all classes share.
    """
    shape = layout.classes, layout.branches, layout.classes
    out = np.full(shape, np.nan)
    out[[*layout.fitted]] = (rows - rows.mean(axis=0)).reshape(-1, *shape[1:])
    return out
