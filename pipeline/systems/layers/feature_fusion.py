"""Fusion of two streams: SUM, CON, FiLM and CAF of utterance vectors (Yu et al. 2024, eqs. 3-20), and attention.

Each head of `FUSIONS` maps x (batch, D1) and y (batch, D2) to (batch, `dims`). `SequenceAttention` takes frames.
"""

import torch
from torch import Tensor, nn

from pipeline.systems.layers.cross_attention import Attention
from pipeline.systems.layers.pooling import masked_mean


class Sum(nn.Module):
    """x + y, eq. 3; D1 = D2."""

    def __init__(self, d1: int, d2: int, fused_dim: int) -> None:
        super().__init__()
        self.dims = d1

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Fuse x and y."""
        return x + y


class Concatenate(nn.Module):
    """[x; y], eq. 4."""

    def __init__(self, d1: int, d2: int, fused_dim: int) -> None:
        super().__init__()
        self.dims = d1 + d2

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Fuse x and y."""
        return torch.cat([x, y], dim=1)


class FiLM(nn.Module):
    """Each stream's first half, scaled and shifted by the halves of both, eqs. 5-7; D1 = D2."""

    def __init__(self, d1: int, d2: int, fused_dim: int) -> None:
        super().__init__()
        self.dims = d1

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Fuse x and y."""
        v_x, w_x = x.chunk(2, dim=1)
        v_y, w_y = y.chunk(2, dim=1)
        return torch.cat([v_x * w_y + w_x, v_y * w_x + w_y], dim=1)


class CrossAttentionFusion(nn.Module):
    """CAF, eqs. 16-20: (x W_v1^T + b_v / 2 + K_1) + (y W_v2^T + b_v / 2 + K_2), with K_1 = FC_k1 x and K_2 = FC_k2 y.

    There is no softmax and no product of the streams: CAF equals one linear layer on [x; y] with the weights
    [W_k1 + W_v1, W_k2 + W_v2] and the bias b_k1 + b_k2 + b_v.
    """

    def __init__(self, d1: int, d2: int, fused_dim: int) -> None:
        super().__init__()
        self.dims = fused_dim
        self.k1 = nn.Linear(d1, fused_dim)
        self.k2 = nn.Linear(d2, fused_dim)
        self.v = nn.Linear(d1 + d2, fused_dim)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Fuse x and y."""
        w_v1, w_v2 = self.v.weight.split([x.shape[1], y.shape[1]], dim=1)
        half = self.v.bias / 2
        return (x @ w_v1.T + half + self.k1(x)) + (y @ w_v2.T + half + self.k2(y))


class SequenceAttention(nn.Module):
    """Multi-head cross-attention between two sequences (Vaswani et al. 2017, section 3.2), eq. 15 of Yu et al. 2024.

    What CAF's name promises and its equations do not: each frame of either stream attends to the frames of the other.
    The result is added to the frame, layer-normalised, averaged over valid frames, and both averages are concatenated.

    Args:
        width: of both streams' frames.
        heads: of either attention; a divisor of `width`.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.dims = 2 * width
        self.x_to_y = Attention(width, heads)
        self.y_to_x = Attention(width, heads)
        self.norm_x = nn.LayerNorm(width)
        self.norm_y = nn.LayerNorm(width)

    def forward(self, x: Tensor, y: Tensor, y_valid: Tensor) -> Tensor:
        """Fuse x (batch, M, width) and y (batch, N, width), valid where `y_valid` (batch, N) is: (batch, dims)."""
        pooled_x = self.norm_x(x + self.x_to_y(x, y, y_valid)).mean(dim=1)
        pooled_y = masked_mean(self.norm_y(y + self.y_to_x(y, x)), y_valid)
        return torch.cat([pooled_x, pooled_y], dim=1)


FUSIONS: dict[str, type[nn.Module]] = {
    "sum": Sum,
    "concatenate": Concatenate,
    "film": FiLM,
    "caf": CrossAttentionFusion,
}
