"""Convolutions over the frames of padded sequences, such that padding changes nothing."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch norm of (batch, frames, dims) whose statistics are those of the valid frames; the others become zero."""

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:  # type: ignore[override]
        """Normalise x where `valid` (batch, frames)."""
        rows = x[valid]
        if self.training and len(rows) == 1:  # one frame has no variance
            rows = F.batch_norm(rows, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        else:
            rows = super().forward(rows)
        return torch.zeros_like(x).masked_scatter(valid[..., None], rows)


class FrameConvolutions(nn.Module):
    """Blocks of convolution over time, batch norm, ReLU, dropout and max-pooling: (batch, frames, dims) -> channels.

    n frames become ceil(n / pool) in each block; the last window may be a part of one.

    Args:
        dims: width of the input.
        channels: of each block.
        kernel: frames that a convolution sees; odd.
        pool: frames that max-pooling takes together, and its step.
        dropout: after each ReLU.
    """

    def __init__(self, dims: int, channels: Sequence[int], kernel: int, pool: int, dropout: float) -> None:
        super().__init__()
        self.dims, self.pool = channels[-1], pool
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, kernel, padding=kernel // 2, bias=False)
            for before, after in zip((dims, *channels), channels, strict=False)
        )
        self.norms = nn.ModuleList(MaskedBatchNorm(width) for width in channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Encode frames that are `valid` (batch, frames), which come first; also what is valid of the shorter output.

        Frames of the output that are not valid are zero.
        """
        x = x.masked_fill(~valid[..., None], 0)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = self.dropout(F.relu(norm(convolution(x.transpose(1, 2)).transpose(1, 2), valid)))
            # After ReLU and masking nothing is below the zeros that are appended.
            x = F.pad(x, (0, 0, 0, -x.shape[1] % self.pool)).unflatten(1, (-1, self.pool)).amax(dim=2)
            valid = valid[:, :: self.pool]
        return x, valid
