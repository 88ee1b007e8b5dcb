"""The spectrogram branch of the parallel dual-branch model (Wei et al. 2025): CNN, transformer and cross-attention."""

from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pipeline.errors import DataError
from pipeline.systems.demands import Features, unequal_lengths
from pipeline.systems.layers.residual import ResidualBlock
from pipeline.systems.layers.standardize import Standardize
from pipeline.systems.neural import Fixed, Inputs, NeuralSystem, TrainingParams
from pipeline.systems.view import View

CHANNELS = (16, 32, 64, 64)
LEAST, BANDS = 16, 8
"""frames and mel bands that there must be, and what divides the bands"""
POOL = (2, 4)
"""mel bands and frames that one token of the transformer takes together"""


class SpectrogramParams(TrainingParams):
    """Params of the spectrogram branch; the defaults are the paper's table II."""

    epochs: int = Field(500, ge=1)
    optimizer: Literal["adam", "adamw", "sgd"] = "sgd"
    learning_rate: float = Field(1e-2, gt=0)
    momentum: float = Field(0.8, ge=0, lt=1)
    schedule: Literal["constant", "step", "cosine"] = "step"
    step_factor: float = Field(0.7, gt=0, le=1)
    clip_norm: float | None = Field(1.0, gt=0)
    patience: int = Field(25, ge=0)
    dropout: float = Field(0.4, ge=0, lt=1, description="in the transformer")
    transformer_layers: int = Field(4, ge=1)

    def unmet(self, features: Features) -> Iterator[str]:
        """Log-Mels of one length, of bands that the network can halve; see `SystemParams.unmet`."""
        cure = "give its log-Mel `clip` and `pad_to`, the same"
        yield from unequal_lengths(features, ["logmel"], "the spectrogram branch", cure)
        mels = features["logmel"].get("n_mels")
        if mels is not None and (mels < LEAST or mels % BANDS):
            yield (
                f"logmel: {features['logmel'].name!r} has {mels} mel bands, and the spectrogram branch takes {LEAST} "
                f"at least, and a multiple of {BANDS}; set its n_mels"
            )


class SpectrogramNetwork(nn.Module):
    """1 x 128 x 278 -> CNN 64 x 8 x 17 = 8704; in parallel 69 tokens of width 64; cross-attention -> 64; 8768 -> C."""

    def __init__(self, frames: int, mels: int, classes: int, params: SpectrogramParams) -> None:
        super().__init__()
        self.standardize = nn.ModuleDict({"logmel": Standardize(mels)})
        self.cnn = nn.Sequential(
            *(ResidualBlock(before, after) for before, after in zip((1, *CHANNELS), CHANNELS, strict=False))
        )
        self.cnn = self.cnn.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a fifth faster on a CPU
        shrink = 2 ** len(CHANNELS)
        flat = CHANNELS[-1] * (mels // shrink) * (frames // shrink)
        width = mels // POOL[0]
        layer = nn.TransformerEncoderLayer(width, 4, 512, params.dropout, batch_first=True)
        self.transformer = nn.TransformerEncoder(layer, params.transformer_layers, enable_nested_tensor=False)
        self.query = nn.Linear(flat, width)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.classifier = nn.Linear(flat + width, classes)

    def forward(self, logmel: Tensor) -> Tensor:
        """Logits (batch, classes) of log-Mels (batch, frames, mels)."""
        image = self.standardize["logmel"](logmel).transpose(1, 2)[:, None]
        flat = self.cnn(image).flatten(1)
        tokens = self.transformer(F.max_pool2d(image, POOL)[:, 0].transpose(1, 2))
        context, _ = self.attention(self.query(flat)[:, None], tokens, tokens, need_weights=False)
        logits: Tensor = self.classifier(torch.cat([flat, context[:, 0]], dim=1))
        return logits


class SpectrogramBranch(NeuralSystem):
    """The spectrogram branch as a scikit-learn classifier over a view with the role logmel, of one fixed length."""

    name = "spectrogram"
    roles = ("logmel",)
    Params = SpectrogramParams
    parts = {"head": ("classifier",), "fusion": ("query", "attention")}

    def inputs(self, X: View) -> Inputs:
        """Log-Mels."""
        arrays = X.arrays("logmel")
        if len({len(rows) for rows in arrays}) > 1:
            raise DataError(
                f"{X.source('logmel').label}: utterances differ in length; "
                "the spectrogram branch takes a log-Mel with `clip` and `pad_to`"
            )
        return {"logmel": Fixed(arrays)}

    def network(self, X: View, classes: int) -> nn.Module:
        """The network for features as those of X."""
        frames, mels = X.arrays("logmel")[0].shape
        if min(frames, mels) < LEAST or mels % BANDS:
            raise DataError(
                f"{X.source('logmel').label}: {frames} frames of {mels} mel bands; "
                f"the spectrogram branch needs at least {LEAST} of each, and a multiple of {BANDS} bands"
            )
        return SpectrogramNetwork(frames, mels, classes, self.settings())
