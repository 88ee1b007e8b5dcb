"""A bidirectional LSTM over padded sequences."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pipeline.systems.layers.lstm_layers import LSTMLayers


class BiLSTM(nn.Module):
    """(batch, frames, dims) -> (batch, frames, 2 x hidden): both directions, one beside the other.

    The backward direction starts at each utterance's own last frame, so padding changes nothing; where not valid, the
    output is zero. It gives what `torch.nn.LSTM` gives of a packed sequence, whose backward pass on a CPU takes a time
    quadratic in the number of frames.

    Args:
        dims: width of the input.
        hidden: units of either direction.
        layers: how many, one on the other.
        dropout: between them.
    """

    def __init__(self, dims: int, hidden: int, layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        widths = [dims] + [2 * hidden] * (layers - 1)
        self.ahead = nn.ModuleList(LSTMLayers(width, hidden, batch_first=True) for width in widths)
        self.back = nn.ModuleList(LSTMLayers(width, hidden, batch_first=True) for width in widths)
        self.dropout = dropout

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Encode; `valid` (batch, frames), if given, is true on each utterance's frames, which come first."""
        frames = torch.arange(x.shape[1], device=x.device)
        lengths = len(frames) if valid is None else valid.sum(dim=1, keepdim=True)
        # Frame t of the reversed sequence is frame length - 1 - t; what is padding stays where it is.
        order = torch.where(frames < lengths, lengths - 1 - frames, frames)
        for layer, (ahead, back) in enumerate(zip(self.ahead, self.back, strict=True)):
            if layer:
                x = F.dropout(x, self.dropout, self.training)
            x = torch.cat([ahead(x)[0], _reordered(back(_reordered(x, order))[0], order)], dim=2)
        return x if valid is None else x * valid[..., None]


def _reordered(x: Tensor, order: Tensor) -> Tensor:
    return x.gather(1, order[..., None].expand_as(x))
