"""Pooling over the valid frames of padded sequences."""

from torch import Tensor


def masked_mean(x: Tensor, valid: Tensor) -> Tensor:
    """Mean of (batch, frames, dims) over the frames where `valid` (batch, frames) is True: (batch, dims)."""
    weights = valid.to(x.dtype)
    return (x * weights[..., None]).sum(dim=1) / weights.sum(dim=1, keepdim=True).clamp(min=1)
