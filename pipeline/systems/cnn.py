"""A baseline: convolutions over the frames of one feature."""

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.systems.frame_system import BaselineParams, FrameSystem, Kernel, Size
from pipeline.systems.layers.frame_convolution import FrameConvolutions
from pipeline.systems.layers.pooling import masked_mean


class CNNParams(BaselineParams):
    """Params of the CNN. Kernel and dropout are those of the code of Zheng (2024), whose input is the waveform."""

    channels: list[Size] = Field([64, 128], min_length=1, description="of each convolution")
    kernel: Kernel = Field(5, description="frames that a convolution sees; odd")
    pool: int = Field(2, ge=1, description="frames max-pooled into one after each convolution")
    hidden: int = Field(64, ge=1, description="width of the layer before the classifier")


class CNNEncoder(nn.Module):
    """Convolutions, mean and maximum over time side by side, a hidden layer."""

    def __init__(self, dims: int, params: CNNParams) -> None:
        super().__init__()
        self.convolutions = FrameConvolutions(dims, params.channels, params.kernel, params.pool, params.dropout)
        self.hidden = nn.Sequential(
            nn.Linear(2 * params.channels[-1], params.hidden), nn.ReLU(), nn.Dropout(params.dropout)
        )

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """(batch, frames, dims), valid where `valid` (batch, frames) -> (batch, hidden)."""
        x, valid = self.convolutions(x, valid)
        found: Tensor = self.hidden(torch.cat([masked_mean(x, valid), x.amax(dim=1)], dim=1))
        return found


class CNN(FrameSystem):
    """The CNN as a scikit-learn classifier over a view with the role mfcc, which log-Mel may fill.

    Example:
        >>> import numpy as np
        >>> frames = np.random.default_rng(0).normal(size=(8, 40, 13))
        >>> model = CNN(epochs=2, channels=(8,), hidden=8, seed=1, device="cpu")
        >>> model
        CNN(channels=(8,), epochs=2, hidden=8, seed=1)
        >>> model.fit(frames, ["angry", "sad"] * 4).predict_proba(frames).shape
        (8, 2)
        >>> [f"{row['epoch']:.0f}" for row in model.history_]
        ['1', '2']
    """

    name = "cnn"
    roles = ("mfcc",)
    accepts = {"mfcc": ("mfcc", "logmel", "lpcc", "stft")}
    Params = CNNParams

    def encoder(self, dims: int, settings: CNNParams) -> tuple[nn.Module, int]:
        """Convolutions and a hidden layer."""
        return CNNEncoder(dims, settings), settings.hidden
