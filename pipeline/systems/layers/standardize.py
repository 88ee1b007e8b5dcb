"""Standardisation with statistics of the training part, kept with the network's weights."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


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

    def fit(self, values: Iterable[Tensor]) -> None:
        """Take the statistics of utterances of shape (..., dims), in two passes and double precision."""
        rows = [value.reshape(-1, value.shape[-1]) for value in values]
        count = sum(len(row) for row in rows)
        mean = torch.stack([row.double().sum(dim=0) for row in rows]).sum(dim=0) / count
        square = torch.stack([(row.double() - mean).square().sum(dim=0) for row in rows]).sum(dim=0) / count
        std = square.sqrt()
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 1e-8, std, torch.ones_like(std)))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise (..., dims)."""
        return (x - self.mean) / self.std
