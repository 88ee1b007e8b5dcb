"""A baseline: convolutions over the frames of one feature, then a bidirectional LSTM."""

from pydantic import Field
from torch import Tensor, nn

from pipeline.systems.frame_system import BaselineParams, FrameSystem, Kernel, Size
from pipeline.systems.layers.bilstm import BiLSTM
from pipeline.systems.layers.frame_convolution import FrameConvolutions
from pipeline.systems.layers.pooling import masked_mean


class CNNBiLSTMParams(BaselineParams):
    """Params of the CNN-BiLSTM; sizes are those of the code of Zheng (2024), whose input is the waveform."""

    channels: list[Size] = Field([32, 64], min_length=1, description="of each convolution")
    kernel: Kernel = Field(5, description="frames that a convolution sees; odd")
    pool: int = Field(3, ge=1, description="frames max-pooled into one after each convolution")
    units: int = Field(60, ge=1, description="of either direction of the LSTM")


class CNNBiLSTMEncoder(nn.Module):
    """Convolutions, a bidirectional LSTM, mean over the valid frames, dropout.

    The code of Zheng (2024) reads out the last frame, where the backward direction has seen one frame only.
    """

    def __init__(self, dims: int, params: CNNBiLSTMParams) -> None:
        super().__init__()
        self.convolutions = FrameConvolutions(dims, params.channels, params.kernel, params.pool, 0.0)
        self.lstm = BiLSTM(params.channels[-1], params.units)
        self.dropout = nn.Dropout(params.dropout)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """(batch, frames, dims), valid where `valid` (batch, frames) -> (batch, 2 x units)."""
        x, valid = self.convolutions(x, valid)
        found: Tensor = self.dropout(masked_mean(self.lstm(x, valid), valid))
        return found


class CNNBiLSTM(FrameSystem):
    """The CNN-BiLSTM as a scikit-learn classifier over a view with the role mfcc, which log-Mel may fill."""

    name = "cnn_bilstm"
    roles = ("mfcc",)
    accepts = {"mfcc": ("mfcc", "logmel", "lpcc", "stft")}
    Params = CNNBiLSTMParams

    def encoder(self, dims: int, settings: CNNBiLSTMParams) -> tuple[nn.Module, int]:
        """Convolutions and a bidirectional LSTM."""
        return CNNBiLSTMEncoder(dims, settings), 2 * settings.units
