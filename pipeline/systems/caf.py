"""CAF: a log-Mel stream and a self-supervised stream, fused (Yu et al. 2024, doi:10.3390/electronics13112191).

The 16 dual rows of the paper's tables are `encoder` (2) x the model of the embedding (2) x `fusion` (4); the 4 single
rows are `caf_logmel`, with either encoder, and `caf_ssl`, with either model.
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor, nn

from pipeline.features.ssl.streams import layer_stream
from pipeline.systems.caf_logmel import CAFLogMelParams, log_mel_encoder, log_mel_shape, log_mels
from pipeline.systems.caf_ssl import CAFSSLParams, mean_states, state_dims, trained_blocks
from pipeline.systems.demands import Features
from pipeline.systems.layers.feature_fusion import FUSIONS, SequenceAttention
from pipeline.systems.layers.pooling import masked_mean
from pipeline.systems.layers.ssl_top_blocks import TopBlocks, cached_frames, own_frames
from pipeline.systems.layers.standardize import Standardize
from pipeline.systems.neural import Fixed, Inputs, NeuralSystem, Ragged
from pipeline.systems.state_demands import pooled_states
from pipeline.systems.view import View


class CAFParams(CAFLogMelParams, CAFSSLParams):
    """Params of CAF: those of either stream, and of their fusion."""

    fusion: Literal["caf", "sum", "concatenate", "film", "attention"] = Field(
        "caf", description="attention: multi-head cross-attention between both streams' frames, which is ours"
    )
    heads: int = Field(4, ge=1, description="of the attention; a divisor of stream_dim")
    fused_dim: int = Field(128, ge=1, description="D3, the width of CAF's output")

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "CAFParams":
        if self.fusion == "attention" and self.stream_dim % self.heads:
            raise ValueError(f"{self.heads} heads do not divide stream_dim {self.stream_dim}")
        return self

    def unmet(self, features: Features) -> Iterator[str]:
        """What either stream asks, and of attention the states' frames; see `SystemParams.unmet`."""
        yield from CAFLogMelParams.unmet(self, features)
        yield from CAFSSLParams.unmet(self, features)
        if self.fusion == "attention" and not self.top_blocks:
            yield from pooled_states(features, "the fusion by attention")

    def idle(self) -> Iterator[tuple[str, str]]:
        """What other fusions have a use for; see `SystemParams.idle`."""
        yield from super().idle()
        read = {"heads": "attention", "fused_dim": "caf"}
        yield from ((key, f"to fusion {self.fusion}") for key, fusion in read.items() if self.fusion != fusion)


class CAFNetwork(nn.Module):
    """Encode both streams, project them to `stream_dim`, fuse, classify.

    Args:
        frames: length of the log-Mels.
        mels: their bands.
        ssl_dim: width of the hidden states.
        classes: number of emotions.
        params: CAF's.
        top: blocks that are trained on the hidden states' frames; None to take the states as they are, standardised.
    """

    def __init__(
        self, frames: int, mels: int, ssl_dim: int, classes: int, params: CAFParams, top: TopBlocks | None = None
    ) -> None:
        super().__init__()
        dims = params.stream_dim
        self.standardize = nn.ModuleDict({"logmel": Standardize(mels)} | ({} if top else {"ssl": Standardize(ssl_dim)}))
        self.encoder = log_mel_encoder(frames, mels, params)
        self.project_a = nn.Linear(self.encoder.dims, dims)
        self.top = top
        self.project_b = nn.Linear(ssl_dim, dims)
        self.fusion: nn.Module = (
            SequenceAttention(dims, params.heads)
            if params.fusion == "attention"
            else FUSIONS[params.fusion](dims, dims, params.fused_dim)
        )
        self.dropout = nn.Dropout(params.dropout)
        self.classifier = nn.Linear(self.fusion.dims, classes)  # type: ignore[arg-type]

    def forward(
        self,
        logmel: Tensor,
        ssl: Tensor,
        ssl_valid: Tensor | None = None,
        own: Tensor | None = None,
        own_valid: Tensor | None = None,
    ) -> Tensor:
        """Logits (batch, classes).

        Args:
            logmel: (batch, frames, mels).
            ssl: pooled states (batch, ssl_dim); with attention or top blocks their frames (batch, T, ssl_dim).
            ssl_valid: (batch, T), true for real frames; None when the states are pooled.
            own: (batch, T, 1), above 0 on the utterance's own frames of whole windows; None where all valid ones are.
            own_valid: not looked at.
        """
        logits: Tensor = self.classifier(self.dropout(self.fuse(logmel, ssl, ssl_valid, own)))
        return logits

    def fuse(self, logmel: Tensor, ssl: Tensor, ssl_valid: Tensor | None, own: Tensor | None = None) -> Tensor:
        """Both streams as one vector, (batch, `fusion.dims`)."""
        logmel = self.standardize["logmel"](logmel)
        ssl = self.standardize["ssl"](ssl) if self.top is None else self.top(ssl, ssl_valid)
        ssl_valid = None if ssl_valid is None else own_frames(ssl_valid, own)
        if isinstance(self.fusion, SequenceAttention):
            frames = self.project_a(self.encoder.sequence(logmel))
            return self.fusion(frames, self.project_b(ssl), ssl_valid)
        if ssl_valid is not None:
            ssl = masked_mean(ssl, ssl_valid)
        return self.fusion(self.project_a(self.encoder(logmel)), self.project_b(ssl))


class CAF(NeuralSystem):
    """CAF as a scikit-learn classifier over a view with the roles logmel (resized, 224 x 224) and ssl."""

    name = "caf"
    roles = ("logmel", "ssl")
    Params = CAFParams
    parts = {"head": ("classifier",), "fusion": ("fusion",)}
    blocks_of = "ssl"
    blocks_where = "top_blocks"

    def raw(self) -> tuple[str, ...]:
        """With top blocks, the states they take."""
        return ("waveform", "ssl", "own") if self.settings().top_blocks else ("waveform",)

    def inputs(self, X: View) -> Inputs:
        """Log-Mels, and hidden states: their mean over frames, or the frames where the network needs them."""
        settings: CAFParams = self.settings()
        logmel = Fixed(log_mels(X))
        if settings.top_blocks:
            return {"logmel": logmel, **cached_frames(X, settings.layer)}
        if settings.fusion == "attention":
            return {"logmel": logmel, "ssl": Ragged(X.arrays("ssl", layer_stream(X.source("ssl"), settings.layer)))}
        return {"logmel": logmel, "ssl": Fixed(mean_states(X, settings.layer))}

    def network(self, X: View, classes: int) -> nn.Module:
        """The network for features as those of X.

        Raises:
            DataError: features that the network cannot take.
        """
        settings: CAFParams = self.settings()
        frames, mels = log_mel_shape(X, settings)
        ssl_dim, top = state_dims(X, settings.layer), trained_blocks(X, settings)
        return CAFNetwork(frames, mels, ssl_dim, classes, settings, top)
