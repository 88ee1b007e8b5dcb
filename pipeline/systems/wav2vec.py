"""The wav2vec 2.0 branch of the parallel dual-branch model (Wei et al. 2025), trained from cached hidden states.

The paper trains the last 3 of 12 blocks and the feature projection. With the projection frozen, blocks 1 to 9 never
change, so training here starts from the cached states of layer 9: the same top blocks, several times cheaper.
"""

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.features.ssl_models import load_backbone
from pipeline.layers.pooling import masked_mean
from pipeline.layers.ssl_top_blocks import TopBlocks
from pipeline.systems.neural import Inputs, NeuralSystem, TrainingParams
from pipeline.view import View


class Wav2vecParams(TrainingParams):
    """Params of the wav2vec 2.0 branch; the training's are the paper's table II."""

    epochs: int = Field(120, ge=1)
    schedule: Literal["constant", "step", "cosine"] = "cosine"
    clip_norm: float | None = Field(1.0, gt=0)
    patience: int = Field(10, ge=0)
    monitor: Literal["valid_loss", "valid_acc"] = "valid_acc"
    layer: int = Field(9, ge=0, description="cached hidden state to start from; the blocks after it are trained")
    width: int = Field(256, ge=1, description="width of the two hidden layers of the classifier")
    dropout: float = Field(0.3, ge=0, lt=1, description="after each of them")


class Wav2vecNetwork(nn.Module):
    """Top blocks, mean over valid frames, width -> width -> C."""

    def __init__(self, top: TopBlocks, ssl_dim: int, classes: int, params: Wav2vecParams) -> None:
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

    def forward(self, ssl: Tensor, ssl_valid: Tensor) -> Tensor:
        """Logits (batch, classes) of cached states (batch, frames, ssl_dim), valid where `ssl_valid`."""
        logits: Tensor = self.classifier(masked_mean(self.top(ssl, ssl_valid), ssl_valid))
        return logits


class Wav2vecBranch(NeuralSystem):
    """The wav2vec 2.0 branch as a scikit-learn classifier over a view with the role ssl."""

    Params = Wav2vecParams

    def inputs(self, X: View) -> Inputs:
        """Cached hidden states, padded and masked batch by batch."""
        return {"ssl_frames": X.arrays("ssl", self._stream(X))}

    def network(self, X: View, classes: int) -> nn.Module:
        """The network, its top blocks initialised with the weights of the model that made the features."""
        file = X.file("ssl")
        made_by = file.header.params
        backbone = load_backbone(made_by["model"], made_by["seed"])
        ssl_dim = file.streams[self._stream(X)].shape[1]
        return Wav2vecNetwork(TopBlocks(backbone, self.settings().layer), ssl_dim, classes, self.settings())

    def _stream(self, X: View) -> str:
        stream = f"layer_{self.settings().layer:02d}"
        if stream not in X.file("ssl").streams:
            raise UserError(f"{X.file('ssl').path}: has no {stream}; add the layer to the embedding's layers")
        return stream
