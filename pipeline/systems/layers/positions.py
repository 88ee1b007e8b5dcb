"""Sinusoidal positions (Vaswani et al. 2017, section 3.5)."""

import math

import torch
from torch import Tensor, nn


class SinusoidalPositions(nn.Module):
    """Add sinusoids of the position to (batch, frames, dims), sines in the even and cosines in the odd dimensions.

    Dimension 2 i has sin(t / 10000^(2 i / dims)), and 2 i + 1 the cosine of the same angle. There is nothing to train
    and nothing to save. The table is a buffer, so it moves with the module's device, and grows when a longer sequence
    comes: any length is taken. `dims` may be odd; the last cosine is then left out.

    Args:
        dims: width of the sequences.
        frames: length the table starts with.
    """

    def __init__(self, dims: int, frames: int = 512) -> None:
        super().__init__()
        self.dims = dims
        self.register_buffer("table", sinusoids(frames, dims), persistent=False)
        self.table: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Add the positions 0, 1, ... to (batch, frames, dims)."""
        frames = x.shape[1]
        if frames > len(self.table):
            self.table = sinusoids(max(frames, 2 * len(self.table)), self.dims).to(self.table)
        return x + self.table[:frames].to(x.dtype)


def sinusoids(frames: int, dims: int) -> Tensor:
    """The table of positions (frames, dims), computed in double precision and rounded to single."""
    position = torch.arange(frames, dtype=torch.float64)[:, None]
    rate = torch.exp(torch.arange(0, dims, 2, dtype=torch.float64) * (-math.log(10000.0) / dims))
    angle = position * rate
    table = torch.zeros(frames, dims, dtype=torch.float64)
    table[:, 0::2] = angle.sin()
    table[:, 1::2] = angle.cos()[:, : dims // 2]
    return table.float()
