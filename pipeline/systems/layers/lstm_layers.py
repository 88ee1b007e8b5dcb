"""Layers of an LSTM, in the precision that suits the device."""

from typing import Any

import torch
from torch import nn


class LSTMLayers(nn.LSTM):
    """torch's, in single precision on a CPU: in bfloat16 its backward pass takes more than twice as long there."""

    def forward(self, x: Any, state: Any = None) -> Any:
        """As torch's: a tensor or packed sequence, and the states to begin with; outputs, and the last states."""
        values = x if isinstance(x, torch.Tensor) else x.data
        if values.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(x, state)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float(), state)
