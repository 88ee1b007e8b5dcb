"""A baseline: an LSTM over the frames of one feature."""

from pydantic import Field
from torch import Tensor, nn

from pipeline.systems.frame_system import BaselineParams, FrameSystem
from pipeline.systems.layers.lstm_layers import LSTMLayers
from pipeline.systems.layers.pooling import masked_mean


class LSTMParams(BaselineParams):
    """Params of the LSTM. The code of Zheng (2024) has one layer over the whole waveform as a single step."""

    units: int = Field(128, ge=1, description="of each layer")
    layers: int = Field(1, ge=1)


class LSTMEncoder(nn.Module):
    """LSTM layers, mean over the valid frames, dropout. Padding comes last, so it reaches no valid frame."""

    def __init__(self, dims: int, params: LSTMParams) -> None:
        super().__init__()
        between = params.dropout if params.layers > 1 else 0.0
        self.lstm = LSTMLayers(dims, params.units, params.layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(params.dropout)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """(batch, frames, dims), valid where `valid` (batch, frames) -> (batch, units)."""
        found: Tensor = self.dropout(masked_mean(self.lstm(x)[0], valid))
        return found


class LSTM(FrameSystem):
    """The LSTM as a scikit-learn classifier over a view with the role mfcc, which log-Mel may fill."""

    name = "lstm"
    roles = ("mfcc",)
    accepts = {"mfcc": ("mfcc", "logmel", "lpcc", "stft")}
    Params = LSTMParams

    def encoder(self, dims: int, settings: LSTMParams) -> tuple[nn.Module, int]:
        """LSTM layers."""
        return LSTMEncoder(dims, settings), settings.units
