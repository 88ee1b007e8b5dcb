"""The wav2vec 2.0 branch of the parallel dual-branch model (Wei et al. 2025), trained from cached hidden states.

The paper trains the last 3 of 12 blocks and the feature projection. With the projection frozen, blocks 1 to 9 never
change, so training here starts from the cached states of layer 9: the same top blocks, several times cheaper. `layer`
12 - n trains n blocks (the paper's table 4 has 1, 3, 5 and 9), if the embedding has that layer. Training through the
whole model, and its projection, is `wav2vec_end_to_end`.

Of Whisper, whose blocks attend to the silence up to 30 s too, cached states give that training where the embedding has
`frames: window`.
"""

from collections.abc import Iterator

from pydantic import Field
from torch import Tensor, nn

from pipeline.features.ssl.streams import layer_stream, stream_name
from pipeline.systems.demands import Features
from pipeline.systems.layers.pooling import masked_mean
from pipeline.systems.layers.ssl_top_blocks import TopBlocks, cached_frames, own_frames
from pipeline.systems.neural import Inputs, NeuralSystem
from pipeline.systems.state_demands import pooled_states, unkept_layers, untrainable_blocks
from pipeline.systems.training.params import Monitor, Schedule, TrainingParams
from pipeline.systems.view import View


class BranchParams(TrainingParams):
    """Params of the wav2vec 2.0 branch, from cached states or end to end; the training's are the paper's table II.

    It names AdamW without a weight decay; the default here is torch's.
    """

    epochs: int = Field(120, ge=1)
    weight_decay: float = Field(0.01, ge=0)
    schedule: Schedule = "cosine"
    clip_norm: float | None = Field(1.0, gt=0)
    patience: int = Field(10, ge=0)
    monitor: Monitor = "valid_acc"
    width: int = Field(256, ge=1, description="width of the two hidden layers of the classifier")
    dropout: float = Field(0.3, ge=0, lt=1, description="after each of them")
    backbone_dropout: float | None = Field(
        None, ge=0, lt=1, description="inside what is trained of the pretrained model; null for the model's own"
    )


class Wav2vecParams(BranchParams):
    """Params of the wav2vec 2.0 branch from cached states."""

    layer: int = Field(9, ge=0, description="cached hidden state to start from; the blocks after it are trained")

    def unmet(self, features: Features) -> Iterator[str]:
        """The layer's frames, and blocks after it; see `SystemParams.unmet`."""
        yield from super().unmet(features)
        yield from unkept_layers(features, "layer", [self.layer])
        yield from untrainable_blocks(features, self.layer)
        yield from pooled_states(features, "wav2vec")
        yield from self.unstandardised("its blocks take the hidden states")


class Wav2vecNetwork(nn.Module):
    """Top blocks, mean over the utterance's frames, width -> width -> C."""

    def __init__(self, top: TopBlocks, ssl_dim: int, classes: int, params: BranchParams) -> None:
        super().__init__()
        self.top = top
        self.classifier = nn.Sequential(
            nn.Linear(ssl_dim, params.width),
            nn.ReLU(),
            nn.Dropout(params.dropout),
            nn.Linear(params.width, params.width),
            nn.ReLU(),
            nn.Dropout(params.dropout),
            nn.Linear(params.width, classes),
        )

    def forward(
        self, ssl: Tensor, ssl_valid: Tensor, own: Tensor | None = None, own_valid: Tensor | None = None
    ) -> Tensor:
        """Logits (batch, classes) of cached states (batch, T, ssl_dim), valid where `ssl_valid`.

        Args:
            ssl: the states.
            ssl_valid: (batch, T), true for frames that blocks attend to.
            own: (batch, T, 1), above 0 on the utterance's own frames of whole windows; None where all valid ones are.
            own_valid: not looked at.
        """
        logits: Tensor = self.classifier(masked_mean(self.top(ssl, ssl_valid), own_frames(ssl_valid, own)))
        return logits


class Wav2vecBranch(NeuralSystem):
    """The wav2vec 2.0 branch as a scikit-learn classifier over a view with the role ssl."""

    name = "wav2vec"
    roles = ("ssl",)
    Params = Wav2vecParams
    blocks_of = "ssl"

    def stream(self) -> str:
        """The states of the layer to start from."""
        return stream_name(self.settings().layer)

    def raw(self) -> tuple[str, ...]:
        """The states, which pretrained blocks take."""
        return ("ssl", "own")

    def inputs(self, X: View) -> Inputs:
        """Cached hidden states."""
        return cached_frames(X, self.settings().layer)

    def network(self, X: View, classes: int) -> nn.Module:
        """The network, its top blocks initialised with the weights of the model that made the features."""
        settings: Wav2vecParams = self.settings()
        source = X.source("ssl")
        top = TopBlocks.cached(source, settings.layer, settings.backbone_dropout)
        return Wav2vecNetwork(top, X.dims("ssl", layer_stream(source, settings.layer)), classes, settings)
