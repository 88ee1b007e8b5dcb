"""TextRCNN, the recurrent convolutional network (Lai et al. 2015), over frames as in Yu et al. 2024."""

from typing import Literal

import torch
from torch import Tensor, nn

from pipeline.systems.layers.lstm_layers import LSTMLayers


class TextRCNN(nn.Module):
    """(batch, frames, mels) -> (batch, width).

    Frames are projected to the width of the BiLSTM's input (768 in the paper), which takes the place of Lai's word
    embedding e. With pool `max` (Lai et al., eqs. 1 to 5): tanh(W [left; e; right] + b) for every frame, left and right
    being the BiLSTM's two directions, and the maximum over time. With pool `last` (what the authors' code comes to):
    the BiLSTM's output at the last frame, and no more.

    Args:
        mels: width of the input.
        width: of the BiLSTM's input and of the output; each direction has half of it (384 in the paper).
        pool: how frames become one vector.
    """

    def __init__(self, mels: int = 224, width: int = 768, pool: Literal["max", "last"] = "max") -> None:
        super().__init__()
        self.dims = width
        self.pool = pool
        self.embed = nn.Linear(mels, width)
        self.lstm = LSTMLayers(width, width // 2, batch_first=True, bidirectional=True)
        self.combine = nn.Linear(2 * width, width) if pool == "max" else None

    def sequence(self, x: Tensor) -> Tensor:
        """What is pooled: (batch, frames, mels) -> (batch, frames, width)."""
        embedded = self.embed(x)
        states: Tensor = self.lstm(embedded)[0]
        if self.combine is None:
            return states
        left, right = states.chunk(2, dim=2)
        return torch.tanh(self.combine(torch.cat([left, embedded, right], dim=2)))

    def forward(self, x: Tensor) -> Tensor:
        """Encode (batch, frames, mels) as (batch, width)."""
        states = self.sequence(x)
        return states.amax(dim=1) if self.pool == "max" else states[:, -1]
