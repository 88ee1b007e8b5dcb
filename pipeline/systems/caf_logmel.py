"""CAF's log-Mel stream alone (Yu et al. 2024): encoder, projection and classifier, without a fusion."""

from collections.abc import Iterator
from typing import Any, Literal

from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from pipeline.errors import DataError
from pipeline.systems.caf_base import CAFBaseParams
from pipeline.systems.demands import Features, unequal_lengths
from pipeline.systems.layers.dpcnn import DPCNN
from pipeline.systems.layers.standardize import Standardize
from pipeline.systems.layers.textrcnn import TextRCNN
from pipeline.systems.neural import Fixed, Inputs, NeuralSystem
from pipeline.systems.view import View


class CAFLogMelParams(CAFBaseParams):
    """Params of CAF's log-Mel stream."""

    encoder: Literal["dpcnn", "textrcnn"] = Field("dpcnn", description="of the log-Mel stream")
    pool: Literal["max", "last"] = Field(
        "max", description="of TextRCNN: the maximum over time (the paper's), or the BiLSTM's last output (its code's)"
    )
    shared_convolutions: bool = Field(False, description="one convolution's weights in all of DPCNN (its code's)")

    def unmet(self, features: Features) -> Iterator[str]:
        """Log-Mels of one length; see `SystemParams.unmet`."""
        yield from unequal_lengths(features, ["logmel"], "CAF", "give its log-Mel `resize: 224`")

    def idle(self) -> Iterator[tuple[str, str]]:
        """What the other encoder has a use for; see `SystemParams.idle`."""
        yield from super().idle()
        yield "pool" if self.encoder == "dpcnn" else "shared_convolutions", f"to encoder {self.encoder}"


class CAFLogMelNetwork(nn.Module):
    """Standardise the log-Mels, encode them, project them to `stream_dim`, classify.

    Args:
        frames: length of the log-Mels.
        mels: their bands.
        classes: number of emotions.
        params: the stream's.
    """

    def __init__(self, frames: int, mels: int, classes: int, params: CAFLogMelParams) -> None:
        super().__init__()
        self.standardize = nn.ModuleDict({"logmel": Standardize(mels)})
        self.encoder = log_mel_encoder(frames, mels, params)
        self.project_a = nn.Linear(self.encoder.dims, params.stream_dim)
        self.dropout = nn.Dropout(params.dropout)
        self.classifier = nn.Linear(params.stream_dim, classes)

    def forward(self, logmel: Tensor) -> Tensor:
        """Logits (batch, classes) of log-Mels (batch, frames, mels)."""
        stream = self.project_a(self.encoder(self.standardize["logmel"](logmel)))
        logits: Tensor = self.classifier(self.dropout(stream))
        return logits


def log_mel_encoder(frames: int, mels: int, params: CAFLogMelParams) -> DPCNN | TextRCNN:
    """The encoder of log-Mels (batch, frames, mels)."""
    if params.encoder == "dpcnn":
        return DPCNN(frames, mels, shared=params.shared_convolutions)
    return TextRCNN(mels, pool=params.pool)


def log_mels(X: View) -> list[NDArray[Any]]:
    """The utterances' log-Mels, (frames, mels) each.

    Raises:
        DataError: they are not of one length.
    """
    arrays = X.arrays("logmel")
    if len({len(rows) for rows in arrays}) > 1:
        raise DataError(f"{X.source('logmel').label}: utterances differ in length; CAF takes a log-Mel with `resize`")
    return arrays


def log_mel_shape(X: View, params: CAFLogMelParams) -> tuple[int, int]:
    """Frames and bands of the log-Mels.

    Raises:
        DataError: they are too short for the encoder.
    """
    frames, mels = X.arrays("logmel")[0].shape
    if params.encoder == "dpcnn" and frames < 3:
        raise DataError(f"{X.source('logmel').label}: log-Mels of {frames} frames; DPCNN needs 3 at least")
    return frames, mels


class CAFLogMel(NeuralSystem):
    """CAF's log-Mel stream as a scikit-learn classifier over a view with the role logmel (resized, 224 x 224)."""

    name = "caf_logmel"
    roles = ("logmel",)
    Params = CAFLogMelParams

    def inputs(self, X: View) -> Inputs:
        """Log-Mels."""
        return {"logmel": Fixed(log_mels(X))}

    def network(self, X: View, classes: int) -> nn.Module:
        """The network for features as those of X."""
        settings: CAFLogMelParams = self.settings()
        return CAFLogMelNetwork(*log_mel_shape(X, settings), classes, settings)
