"""Multi-head attention between two sequences (Vaswani et al. 2017, section 3.2), masked, in a post-norm block."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class Attention(nn.Module):
    """Attend from one sequence to another: queries (batch, frames, dims), keys and values (batch, others, key_dims).

    Unlike `torch.nn.MultiheadAttention`, the heads' joint width may differ from `dims`, and the keys have no bias: a
    softmax over keys does not depend on one, so it would be a parameter that never trains.

    Args:
        dims: width of the queries and of the output.
        heads: number of heads; divides `inner`.
        key_dims: width of the other sequence; `dims` if None.
        inner: joint width of the heads; `dims` if None.

    Raises:
        ValueError: `heads` does not divide `inner`.
    """

    def __init__(self, dims: int, heads: int, key_dims: int | None = None, inner: int | None = None) -> None:
        super().__init__()
        key_dims, inner = key_dims or dims, inner or dims
        if inner % heads:
            raise ValueError(f"{heads} heads do not divide a width of {inner}")
        self.heads = heads
        self.query = nn.Linear(dims, inner)
        self.key = nn.Linear(key_dims, inner, bias=False)
        self.value = nn.Linear(key_dims, inner)
        self.out = nn.Linear(inner, dims)

    def forward(self, x: Tensor, y: Tensor, y_valid: Tensor | None = None) -> Tensor:
        """Attend from x to y, where `y_valid` (batch, others), if given, is true at one place at least: as x."""
        query, key, value = (
            projected.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for projected in (self.query(x), self.key(y), self.value(y))
        )
        mask = None if y_valid is None else y_valid[:, None, None, :]
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        attended: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return attended


class AttentionBlock(nn.Module):
    """Attention, residual, layer norm; feed-forward, residual, layer norm (post-norm), as a transformer's.

    Self-attention is `block(x, x, valid)`, cross-attention `block(x, y, y_valid)`.

    Args:
        dims: width of the queries and of the output.
        heads: attention heads.
        feed_forward: width of the feed-forward network.
        dropout: after the attention, inside the feed-forward network and after it.
        activation: of the feed-forward network.
        key_dims: width of the other sequence; `dims` if None.
        inner: joint width of the heads; `dims` if None.
    """

    def __init__(
        self,
        dims: int,
        heads: int,
        feed_forward: int,
        dropout: float = 0.0,
        activation: Literal["relu", "gelu"] = "relu",
        key_dims: int | None = None,
        inner: int | None = None,
    ) -> None:
        super().__init__()
        self.attention = Attention(dims, heads, key_dims, inner)
        self.attention_norm = nn.LayerNorm(dims)
        self.feed_forward = nn.Sequential(
            nn.Linear(dims, feed_forward),
            nn.GELU() if activation == "gelu" else nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(feed_forward, dims),
        )
        self.feed_forward_norm = nn.LayerNorm(dims)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, y: Tensor, y_valid: Tensor | None = None) -> Tensor:
        """(batch, frames, dims) of x that has attended to y, (batch, others, key_dims), where it is valid."""
        x = self.attention_norm(x + self.dropout(self.attention(x, y, y_valid)))
        found: Tensor = self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))
        return found


class CrossAttentionTransformer(nn.Module):
    """CAT(A, B) of Zhao et al. 2025 (eq. 4, figure 2): A attends to B, B to A; both results, one after the other.

    (batch, a, dims) and (batch, b, dims) -> (batch, a + b, dims).

    Args:
        dims: width of both sequences.
        heads: attention heads of either direction.
        feed_forward: width of the feed-forward networks.
        dropout: of both blocks.
    """

    def __init__(self, dims: int, heads: int, feed_forward: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.a_to_b = AttentionBlock(dims, heads, feed_forward, dropout)
        self.b_to_a = AttentionBlock(dims, heads, feed_forward, dropout)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Both sequences, each having attended to the other, concatenated in time."""
        return torch.cat([self.a_to_b(a, b), self.b_to_a(b, a)], dim=1)
