"""What is kept of a layer's hidden states: every frame, or mean and standard deviation over the frames.

Both work on parts of an utterance, so that a recording of any length is pooled in bounded memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.errors import UserError

Rows = NDArray[np.generic]
"""(rows, dims) in the stored number format."""


class Keep(Protocol):
    """What is kept of hidden states."""

    def parts(self, states: Tensor, counts: Sequence[int]) -> list[Any]:
        """What is kept of each part, on the CPU.

        Args:
            states: frames of all parts, one after another, (frames, hidden size).
            counts: frames of each.
        """

    def join(self, parts: Sequence[Any]) -> Rows:
        """The parts of one utterance, in order, as its rows."""


@dataclass(frozen=True)
class Stored:
    """The stored number format.

    Attributes:
        precision: float16 or float32.
        model: name of the model, for the error.
    """

    precision: str
    model: str

    def check(self, peak: float) -> None:
        """Refuse a largest magnitude that the format cannot hold, or that is not a number.

        Raises:
            UserError: it is so.
        """
        limit = float(np.finfo(self.precision).max)
        if not peak <= limit:
            raise UserError(
                f"hidden states of {self.model!r} reach {peak:.3g}, over {self.precision}'s {limit:.3g}: "
                "set precision to float32 (if it is nan or inf, set compute to float32, or look for nan in the "
                "audio and the weights)"
            )


@dataclass(frozen=True)
class Frames(Stored):
    """All frames."""

    def parts(self, states: Tensor, counts: Sequence[int]) -> list[Rows]:
        """See `Keep`; rounded on the device, so that half as much is copied."""
        self.check(float(states.abs().amax()))
        values = states.to(getattr(torch, self.precision)).cpu().numpy()
        return np.split(values, np.cumsum(counts)[:-1])

    def join(self, parts: Sequence[Rows]) -> Rows:
        """(frames, hidden size)."""
        return np.concatenate(parts)


@dataclass(frozen=True)
class Statistics:
    """Of `count` frames: mean (hidden size,) and sum of squared differences from it (hidden size,)."""

    count: int
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    def __add__(self, other: "Statistics") -> "Statistics":
        count = self.count + other.count
        gap = other.mean - self.mean
        mean = self.mean + gap * (other.count / count)
        return Statistics(count, mean, self.squares + other.squares + gap**2 * (self.count * other.count / count))


@dataclass(frozen=True)
class Pooled(Stored):
    """The mean over frames, and with `deviation` the population standard deviation after it (0 for a single frame)."""

    deviation: bool

    def parts(self, states: Tensor, counts: Sequence[int]) -> list[Statistics]:
        """See `Keep`; in single precision, parts of an utterance in double."""
        pooled = [torch.stack(torch.var_mean(part, dim=0, correction=0)) for part in states.float().split(list(counts))]
        found = torch.stack(pooled).cpu().numpy().astype(np.float64)
        return [Statistics(n, mean, n * variance) for n, (variance, mean) in zip(counts, found, strict=True)]

    def join(self, parts: Sequence[Statistics]) -> Rows:
        """(1, hidden size), or (1, 2 * hidden size) with `deviation`."""
        whole = reduce(Statistics.__add__, parts)
        found = [whole.mean, np.sqrt(whole.squares / whole.count)] if self.deviation else [whole.mean]
        row = np.concatenate(found)[None]
        self.check(float(np.abs(row).max()))
        return row.astype(self.precision)
