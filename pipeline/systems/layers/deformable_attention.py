"""Deformable speech attention (Chen et al. 2023, "DST", eqs. 4-8), as SERCT uses it (Zheng 2024, section 4.4.3)."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

Weighting = Literal["multiply", "additive"]


class DeformableAttention(nn.Module):
    """Self-attention in which each token and head looks at a window of its own: (batch, tokens, dims) -> the same.

    One linear layer on the queries predicts, per token i and head, an offset o = tanh(.) L and a half-width
    d = sigmoid(.) L. The anchor i + o, clamped inside the utterance, is the centre of the window
    [anchor - d, anchor + d]; tokens from floor(anchor - d) to ceil(anchor + d) are attended to and no others.
    A window as such has no gradient, so `window_weights` weighs its tokens: linearly in the part of the two edge
    tokens that is inside, and once more near the anchor. By these weights the windows learn.

    Args:
        dims: width of the tokens.
        heads: number of heads; divides `dims`.
        scale: L, in tokens: the largest offset and half-width. It is one number for all utterances, not each one's
            own length, so that an initial window has the same duration in a short and in a long utterance.
        dropout: on the attention weights.
        weighting: `multiply`, the default, multiplies the logits by the weights as the authors' code does. A negative
            logit is then made more negative at the anchor and less at the edges, which is hardly meant; `additive`
            adds the weights' logarithm to the logits, which multiplies the attention itself by the weights.
        initial_widths: half-widths (tokens) of the first and the last head before training; the others are spaced
            evenly between. Authors' code: 1.25 and 25 tokens of 20 ms, windows of 50 ms to 1 s.
        bias: whether the attention's own layers have biases; the windows' layer has one always, as they start from it.
    """

    def __init__(
        self,
        dims: int,
        heads: int,
        scale: int,
        dropout: float = 0.0,
        weighting: Weighting = "multiply",
        initial_widths: tuple[float, float] = (1.25, 25.0),
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.heads, self.scale, self.weighting = heads, scale, weighting
        self.qkv = nn.Linear(dims, 3 * dims, bias)
        self.window = nn.Linear(dims, 2 * heads)
        self.out = nn.Linear(dims, dims, bias)
        self.dropout = nn.Dropout(dropout)
        for layer in (self.qkv, self.out):
            nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(self.window.weight)
        widths = torch.linspace(*initial_widths, heads).clamp(max=0.9 * scale) / scale
        with torch.no_grad():
            self.window.bias.copy_(torch.cat([torch.zeros(heads), torch.logit(widths)]))

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Attend within (batch, tokens, dims); what is not `valid` (batch, tokens) is never attended to."""
        batch, tokens, dims = x.shape
        query, key, value = self.qkv(x).chunk(3, dim=-1)
        anchor, width = self.windows(query, valid)
        weights, inside = window_weights(anchor, width, tokens)
        inside = inside & valid[:, None, None]
        query, key, value = (
            part.reshape(batch, tokens, self.heads, -1).transpose(1, 2) for part in (query, key, value)
        )
        logits = query @ key.transpose(-1, -2) / math.sqrt(dims // self.heads)
        if self.weighting == "multiply":
            logits = logits * weights
        else:
            logits = logits + torch.where(inside, weights, 1.0).clamp(min=1e-6).log()
        attention = logits.masked_fill(~inside, -torch.inf).softmax(dim=-1)
        mixed = self.dropout(attention) @ value
        found: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, tokens, dims))
        return found

    def windows(self, query: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Anchors and half-widths (tokens), each (batch, heads, tokens), of queries (batch, tokens, dims)."""
        with torch.autocast(query.device.type, enabled=False):  # half precision has no fractions of far frames
            offset, width = self.window(query.to(self.window.weight.dtype)).transpose(1, 2).chunk(2, dim=1)
        position = torch.arange(query.shape[1], device=query.device, dtype=offset.dtype)
        last = (valid.sum(dim=1) - 1).clamp(min=0).to(offset.dtype)[:, None, None]
        anchor = (position + offset.tanh() * self.scale).clamp(min=torch.zeros_like(last), max=last)
        return anchor, width.sigmoid() * self.scale


def window_weights(anchor: Tensor, width: Tensor, tokens: int) -> tuple[Tensor, Tensor]:
    """Weights of `tokens` tokens in windows of these anchors and half-widths, and which tokens are inside.

    A token inside weighs 1. The first, floor(start), weighs less by how far it is before the start, and the last,
    ceil(end), by how far it is after the end; the two tokens around the anchor weigh more, by 1 minus their distance
    to it (authors' code). The weights are differentiable in anchor and width.

    Args:
        anchor: centres of the windows (tokens), of any shape.
        width: half-widths (tokens), of that shape.
        tokens: length of the sequence.

    Returns:
        weights and inside (boolean), each of the shape of `anchor` with `tokens` appended.
    """
    token = torch.arange(tokens, device=anchor.device, dtype=anchor.dtype)
    anchor, start, end = (x[..., None] for x in (anchor, anchor - width, anchor + width))
    first, last, below = start.detach().floor(), end.detach().ceil(), anchor.detach().floor()
    weights = 1 - torch.where(token == first, start - first, 0) - torch.where(token == last, last - end, 0)
    weights = weights + torch.where(token == below, 1 - (anchor - below), 0)
    weights = weights + torch.where(token == below + 1, anchor - below, 0)
    return weights, (token >= first) & (token <= last)
