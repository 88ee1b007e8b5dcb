"""CAF's self-supervised stream alone (Yu et al. 2024): states, projection and classifier, without a fusion.

Self-supervised states are averaged over each utterance's frames and standardised, or, with `top_blocks`, go through the
model's last blocks, which are trained from their pretrained weights, and are averaged then.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from pipeline.errors import ParamsError
from pipeline.features.ssl.streams import layer_stream, stream_name
from pipeline.systems.caf_base import CAFBaseParams
from pipeline.systems.demands import Features
from pipeline.systems.layers.pooling import masked_mean
from pipeline.systems.layers.ssl_top_blocks import TopBlocks, cached_frames, own_frames
from pipeline.systems.layers.standardize import Standardize
from pipeline.systems.neural import Fixed, Inputs, NeuralSystem
from pipeline.systems.state_demands import pooled_states, unkept_layers, untrainable_blocks
from pipeline.systems.view import View


class CAFSSLParams(CAFBaseParams):
    """Params of CAF's self-supervised stream."""

    layer: int = Field(9, ge=0, description="hidden state that is mean-pooled, or that the top blocks start from")
    top_blocks: int = Field(
        0, ge=0, description="blocks trained on top of the cached layer, as 3 with layer 9; 0 to pool the layer itself"
    )
    backbone_dropout: float | None = Field(None, ge=0, lt=1, description="inside the top blocks; null for the model's")

    def unmet(self, features: Features) -> Iterator[str]:
        """The layer, and with top blocks its frames and so many blocks after it; see `SystemParams.unmet`."""
        yield from super().unmet(features)
        yield from unkept_layers(features, "layer", [self.layer])
        if self.top_blocks:
            yield from untrainable_blocks(features, self.layer, self.top_blocks)
            yield from pooled_states(features, "the training of top_blocks")
            if {*features} == {"ssl"}:
                yield from self.unstandardised("top_blocks take the hidden states")

    def idle(self) -> Iterator[tuple[str, str]]:
        """What top blocks alone have a use for; see `SystemParams.idle`."""
        yield from super().idle()
        if not self.top_blocks:
            yield "backbone_dropout", "without top_blocks"


class CAFSSLNetwork(nn.Module):
    """Pool the states, project them to `stream_dim`, classify.

    Args:
        ssl_dim: width of the hidden states.
        classes: number of emotions.
        params: the stream's.
        top: blocks that are trained on the hidden states' frames; None to take the states as they are, standardised.
    """

    def __init__(self, ssl_dim: int, classes: int, params: CAFSSLParams, top: TopBlocks | None = None) -> None:
        super().__init__()
        self.standardize = nn.ModuleDict({} if top else {"ssl": Standardize(ssl_dim)})
        self.top = top
        self.project_b = nn.Linear(ssl_dim, params.stream_dim)
        self.dropout = nn.Dropout(params.dropout)
        self.classifier = nn.Linear(params.stream_dim, classes)

    def forward(
        self,
        ssl: Tensor,
        ssl_valid: Tensor | None = None,
        own: Tensor | None = None,
        own_valid: Tensor | None = None,
    ) -> Tensor:
        """Logits (batch, classes) of pooled states (batch, ssl_dim); with top blocks of frames (batch, T, ssl_dim).

        Args:
            ssl: the states.
            ssl_valid: (batch, T), true for real frames; None when the states are pooled.
            own: (batch, T, 1), above 0 on the utterance's own frames of whole windows; None where all valid ones are.
            own_valid: not looked at.
        """
        if self.top is None:
            pooled = self.standardize["ssl"](ssl)
        else:
            assert ssl_valid is not None  # noqa: S101 - for the type checker
            pooled = masked_mean(self.top(ssl, ssl_valid), own_frames(ssl_valid, own))
        logits: Tensor = self.classifier(self.dropout(self.project_b(pooled)))
        return logits


def mean_states(X: View, layer: int) -> list[NDArray[np.float32]]:
    """A layer's states averaged over each utterance's frames, (ssl_dim,) each."""
    states = X.arrays("ssl", layer_stream(X.source("ssl"), layer))
    return [rows.mean(axis=0, dtype=np.float32) for rows in states]


def state_dims(X: View, layer: int) -> int:
    """The width of a layer's states."""
    return X.dims("ssl", layer_stream(X.source("ssl"), layer))


def trained_blocks(X: View, params: CAFSSLParams) -> TopBlocks | None:
    """The blocks that are trained on the cached layer; None for none.

    Raises:
        ParamsError: there are not as many after that layer.
    """
    if not params.top_blocks:
        return None
    top = TopBlocks.cached(X.source("ssl"), params.layer, params.backbone_dropout)
    if len(top.blocks) != params.top_blocks:
        raise ParamsError(
            f"top_blocks: {params.top_blocks} blocks on layer {params.layer}, but the model has {len(top.blocks)} "
            f"after it; set layer to {params.layer + len(top.blocks) - params.top_blocks}"
        )
    return top


class CAFSSL(NeuralSystem):
    """CAF's self-supervised stream as a scikit-learn classifier over a view with the role ssl."""

    name = "caf_ssl"
    roles = ("ssl",)
    Params = CAFSSLParams
    blocks_of = "ssl"
    blocks_where = "top_blocks"

    def stream(self) -> str:
        """The layer's states."""
        return stream_name(self.settings().layer)

    def raw(self) -> tuple[str, ...]:
        """With top blocks, the states they take."""
        return ("waveform", "ssl", "own") if self.settings().top_blocks else ("waveform",)

    def inputs(self, X: View) -> Inputs:
        """Hidden states: their mean over frames, or the frames where blocks are trained on them."""
        settings: CAFSSLParams = self.settings()
        if settings.top_blocks:
            return cached_frames(X, settings.layer)
        return {"ssl": Fixed(mean_states(X, settings.layer))}

    def network(self, X: View, classes: int) -> nn.Module:
        """The network for features as those of X."""
        settings: CAFSSLParams = self.settings()
        dims, top = state_dims(X, settings.layer), trained_blocks(X, settings)
        return CAFSSLNetwork(dims, classes, settings, top)
