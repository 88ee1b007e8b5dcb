"""CAF: a log-Mel stream and a self-supervised stream, fused (Yu et al. 2024, doi:10.3390/electronics13112191).

The 16 dual rows of the paper's tables are `encoder` (2) x the model of the embedding (2) x `fusion` (4); the 4 single
rows are the variants `caf_logmel`, with either encoder, and `caf_ssl`, with either model: encoder, projection and
classifier, without a fusion.
"""

from typing import Literal

import numpy as np
from pydantic import Field
from torch import Tensor, nn

from pipeline.errors import ParamsError, UserError
from pipeline.systems.layers.dpcnn import DPCNN
from pipeline.systems.layers.feature_fusion import FUSIONS, SequenceAttention
from pipeline.systems.layers.pooling import masked_mean
from pipeline.systems.layers.ssl_top_blocks import TopBlocks, layer_stream
from pipeline.systems.layers.standardize import Standardize
from pipeline.systems.layers.textrcnn import TextRCNN
from pipeline.systems.neural import Inputs, NeuralSystem, TrainingParams
from pipeline.systems.view import View


class CAFParams(TrainingParams):
    """Params of CAF; the training's are the paper's: AdamW 1e-4, batches of 64; its weight decay is torch's default."""

    weight_decay: float = Field(0.01, ge=0)
    batch_size: int = Field(64, ge=1)
    encoder: Literal["dpcnn", "textrcnn"] = Field("dpcnn", description="of the log-Mel stream")
    pool: Literal["max", "last"] = Field(
        "max", description="of TextRCNN: the maximum over time (the paper's), or the BiLSTM's last output (its code's)"
    )
    shared_convolutions: bool = Field(False, description="one convolution's weights in all of DPCNN (its code's)")
    layer: int = Field(9, ge=0, description="hidden state that is mean-pooled, or that the top blocks start from")
    top_blocks: int = Field(
        0, ge=0, description="blocks trained on top of the cached layer, as 3 with layer 9; 0 to pool the layer itself"
    )
    backbone_dropout: float | None = Field(None, ge=0, lt=1, description="inside the top blocks; null for the model's")
    fusion: Literal["caf", "sum", "concatenate", "film", "attention"] = Field(
        "caf", description="attention: multi-head cross-attention between both streams' frames, which is ours"
    )
    heads: int = Field(4, ge=1, description="of the attention; a divisor of stream_dim")
    stream_dim: int = Field(256, ge=2, multiple_of=2, description="width of either stream before fusion")
    fused_dim: int = Field(128, ge=1, description="D3, the width of CAF's output")
    dropout: float = Field(0.1, ge=0, lt=1, description="before the classifier")


class CAFNetwork(nn.Module):
    """Encode the streams, project them to `stream_dim`, fuse if there are two, classify.

    Args:
        frames: length of the log-Mels.
        mels: their bands; 0 for no log-Mel stream.
        ssl_dim: width of the hidden states; 0 for no self-supervised stream.
        classes: number of emotions.
        params: CAF's.
        top: blocks that are trained on the hidden states' frames; None to take the states as they are, standardised.
    """

    def __init__(
        self, frames: int, mels: int, ssl_dim: int, classes: int, params: CAFParams, top: TopBlocks | None = None
    ) -> None:
        super().__init__()
        self.standardize = nn.ModuleDict()
        dims = params.stream_dim
        if mels:
            self.standardize["logmel"] = Standardize(mels)
            self.encoder = _encoder(frames, mels, params)
            self.project_a = nn.Linear(self.encoder.dims, dims)
        if ssl_dim:
            if top is None:
                self.standardize["ssl"] = Standardize(ssl_dim)
            self.top = top
            self.project_b = nn.Linear(ssl_dim, dims)
        if mels and ssl_dim:
            self.fusion: nn.Module = (
                SequenceAttention(dims, params.heads)
                if params.fusion == "attention"
                else FUSIONS[params.fusion](dims, dims, params.fused_dim)
            )
            dims = self.fusion.dims  # type: ignore[assignment]
        self.dropout = nn.Dropout(params.dropout)
        self.classifier = nn.Linear(dims, classes)

    def forward(
        self, logmel: Tensor | None = None, ssl: Tensor | None = None, ssl_valid: Tensor | None = None
    ) -> Tensor:
        """Logits (batch, classes).

        Args:
            logmel: (batch, frames, mels).
            ssl: pooled states (batch, ssl_dim); with attention or top blocks their frames (batch, T, ssl_dim).
            ssl_valid: (batch, T), true for real frames; None when the states are pooled.
        """
        if logmel is not None:
            logmel = self.standardize["logmel"](logmel)
        if ssl is not None:
            ssl = self.standardize["ssl"](ssl) if self.top is None else self.top(ssl, ssl_valid)
        if logmel is not None and ssl is not None and isinstance(self.fusion, SequenceAttention):
            frames = self.project_a(self.encoder.sequence(logmel))
            return self._classify(self.fusion(frames, self.project_b(ssl), ssl_valid))
        if ssl is not None and ssl_valid is not None:
            ssl = masked_mean(ssl, ssl_valid)
        if ssl is None:
            return self._classify(self.project_a(self.encoder(logmel)))
        if logmel is None:
            return self._classify(self.project_b(ssl))
        return self._classify(self.fusion(self.project_a(self.encoder(logmel)), self.project_b(ssl)))

    def _classify(self, fused: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.dropout(fused))
        return logits


def _encoder(frames: int, mels: int, params: CAFParams) -> DPCNN | TextRCNN:
    if params.encoder == "dpcnn":
        return DPCNN(frames, mels, shared=params.shared_convolutions)
    return TextRCNN(mels, pool=params.pool)


class CAF(NeuralSystem):
    """CAF as a scikit-learn classifier over a view with the roles logmel (resized, 224 x 224) and ssl, or one of them.

    Self-supervised states are averaged over each utterance's frames and standardised, or, with `top_blocks`, go
    through the model's last blocks, which are trained from their pretrained weights, and are averaged then.
    """

    name = "caf"
    roles = ("logmel", "ssl")
    variants = {"caf_logmel": ("logmel",), "caf_ssl": ("ssl",)}
    Params = CAFParams

    def raw(self) -> tuple[str, ...]:
        """With top blocks, the states they take."""
        return ("waveform", "ssl") if self.settings().top_blocks else ("waveform",)

    def inputs(self, X: View) -> Inputs:
        """Log-Mels, and hidden states: their mean over frames, or the frames where the network needs them."""
        settings: CAFParams = self.settings()
        found: Inputs = {}
        if "logmel" in X.roles:
            found["logmel"] = X.arrays("logmel")
            if len({len(rows) for rows in found["logmel"]}) > 1:
                raise UserError(
                    f"{X.file('logmel').path}: utterances differ in length; CAF takes a log-Mel with `resize`"
                )
        if "ssl" in X.roles:
            states = X.arrays("ssl", layer_stream(X.file("ssl"), settings.layer))
            if settings.top_blocks or (settings.fusion == "attention" and found):
                found["ssl_frames"] = states
            else:
                found["ssl"] = [rows.mean(axis=0, dtype=np.float32) for rows in states]
        return found

    def network(self, X: View, classes: int) -> nn.Module:
        """The network for features as those of X.

        Raises:
            ParamsError: params that do not go together.
            UserError: features that the network cannot take.
        """
        settings: CAFParams = self.settings()
        frames = mels = ssl_dim = 0
        top = None
        if "logmel" in X.roles:
            frames, mels = X.arrays("logmel")[0].shape
            if settings.encoder == "dpcnn" and frames < 3:
                raise UserError(f"{X.file('logmel').path}: log-Mels of {frames} frames; DPCNN needs 3 at least")
        if "ssl" in X.roles:
            ssl_dim = X.file("ssl").streams[layer_stream(X.file("ssl"), settings.layer)].shape[1]
        if settings.top_blocks and ssl_dim:
            top = TopBlocks.cached(X.file("ssl"), settings.layer, settings.backbone_dropout)
            if len(top.blocks) != settings.top_blocks:
                raise ParamsError(
                    f"top_blocks: {settings.top_blocks} blocks on layer {settings.layer}, but the model has "
                    f"{len(top.blocks)} after it; set layer to {settings.layer + len(top.blocks) - settings.top_blocks}"
                )
        if settings.fusion == "attention" and settings.stream_dim % settings.heads:
            raise ParamsError(f"heads: {settings.heads} is no divisor of stream_dim, {settings.stream_dim}")
        return CAFNetwork(frames, mels, ssl_dim, classes, settings, top)
