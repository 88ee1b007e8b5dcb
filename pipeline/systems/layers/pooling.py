"""Pooling over the valid frames of padded sequences."""

import torch
from torch import Tensor


def masked_mean(x: Tensor, valid: Tensor) -> Tensor:
    """Mean of (batch, frames, dims) over the frames where `valid` (batch, frames) is True: (batch, dims)."""
    weights = valid.to(x.dtype)
    return (x * weights[..., None]).sum(dim=1) / weights.sum(dim=1, keepdim=True).clamp(min=1)


def mean_and_variance(x: Tensor) -> Tensor:
    """Statistics pooling of (batch, frames, dims): means, then variances (of the population), (batch, 2 dims)."""
    variance, mean = torch.var_mean(x, dim=1, correction=0)
    return torch.cat([mean, variance], dim=1)
