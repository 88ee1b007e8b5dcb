"""Standardisation with statistics of the training part, kept with the network's weights."""

from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor, nn

from pipeline.arithmetic import exact_sqrt


class Utterances(Protocol):
    """Values of utterances, which may be gone through more than once."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Tensor]: ...


class Standardize(nn.Module):
    """Subtract the mean and divide by the standard deviation of each of the last dimension's features.

    Before `fit`, it changes nothing. A feature that is constant over the training part is only centred.
    """

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dims))
        self.register_buffer("std", torch.ones(dims))
        self.mean: Tensor
        self.std: Tensor

    def fit(self, values: Utterances) -> None:
        """Take the statistics of utterances of shape (..., dims), in two passes and double precision.

        One utterance is in memory at a time, and of each its sums.
        """
        mean, count = self._total(values, lambda row: row)
        mean /= count
        std = exact_sqrt(self._total(values, lambda row: (row - mean).square())[0] / count)
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 1e-8, std, torch.ones_like(std)))

    def _total(self, values: Utterances, of: Callable[[Tensor], Tensor]) -> tuple[Tensor, int]:
        """The sum (dims,) of something of all rows (n, dims), utterance by utterance; and how many rows there are."""
        device = next(iter(values)).device  # where features are kept, and not where the network is yet
        count, sums = 0, torch.empty(len(values), len(self.mean), dtype=torch.float64, device=device)
        for number, value in enumerate(values):
            row = value.reshape(-1, value.shape[-1])
            count += len(row)
            sums[number] = of(row.double()).sum(dim=0)
        return sums.sum(dim=0), count

    def forward(self, x: Tensor) -> Tensor:
        """Standardise (..., dims)."""
        return (x - self.mean) / self.std
