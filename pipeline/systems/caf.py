"""CAF: a log-Mel stream and a self-supervised stream, fused (Yu et al. 2024, doi:10.3390/electronics13112191)."""

from typing import Literal

import numpy as np
from pydantic import Field
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.layers.dpcnn import DPCNN
from pipeline.layers.feature_fusion import FUSIONS
from pipeline.layers.standardize import Standardize
from pipeline.systems.neural import Inputs, NeuralSystem, TrainingParams
from pipeline.view import View


class CAFParams(TrainingParams):
    """Params of CAF; the training's are the paper's: AdamW 1e-4, batches of 64."""

    batch_size: int = Field(64, ge=1)
    fusion: Literal["caf", "sum", "concatenate", "film"] = "caf"
    layer: int = Field(9, ge=0, description="hidden state of the self-supervised model that is mean-pooled")
    stream_dim: int = Field(256, ge=2, multiple_of=2, description="width of either stream before fusion")
    fused_dim: int = Field(128, ge=1, description="D3, the width of CAF's output")
    dropout: float = Field(0.1, ge=0, lt=1)
    shared_convolutions: bool = Field(False, description="one convolution's weights in all of DPCNN (authors' code)")


class CAFNetwork(nn.Module):
    """Encode both streams, project them to `stream_dim`, fuse, classify."""

    def __init__(self, frames: int, mels: int, ssl_dim: int, classes: int, params: CAFParams) -> None:
        super().__init__()
        self.standardize = nn.ModuleDict({"logmel": Standardize(mels), "ssl": Standardize(ssl_dim)})
        self.encoder = DPCNN(frames, mels, shared=params.shared_convolutions)
        self.project_a = nn.Linear(250, params.stream_dim)
        self.project_b = nn.Linear(ssl_dim, params.stream_dim)
        self.fusion = FUSIONS[params.fusion](params.stream_dim, params.stream_dim, params.fused_dim)
        self.dropout = nn.Dropout(params.dropout)
        self.classifier = nn.Linear(self.fusion.dims, classes)  # type: ignore[arg-type]

    def forward(self, logmel: Tensor, ssl: Tensor) -> Tensor:
        """Logits (batch, classes) of log-Mels (batch, frames, mels) and pooled states (batch, ssl_dim)."""
        a = self.project_a(self.encoder(self.standardize["logmel"](logmel)))
        b = self.project_b(self.standardize["ssl"](ssl))
        logits: Tensor = self.classifier(self.dropout(self.fusion(a, b)))
        return logits


class CAF(NeuralSystem):
    """CAF as a scikit-learn classifier over a view with the roles logmel (resized, 224 x 224) and ssl."""

    Params = CAFParams

    def inputs(self, X: View) -> Inputs:
        """Log-Mels, and hidden states averaged over each utterance's frames."""
        stream = f"layer_{self.settings().layer:02d}"
        file = X.file("ssl")
        if stream not in file.streams:
            raise UserError(f"{file.path}: has no {stream}; add the layer to the embedding's layers")
        if len({len(rows) for rows in X.arrays("logmel")}) > 1:
            raise UserError(f"{X.file('logmel').path}: utterances differ in length; CAF takes a log-Mel with `resize`")
        pooled = [rows.mean(axis=0, dtype=np.float32) for rows in X.arrays("ssl", stream)]
        return {"logmel": X.arrays("logmel"), "ssl": pooled}

    def network(self, X: View, classes: int) -> nn.Module:
        """The network for features as those of X."""
        frames, mels = X.arrays("logmel")[0].shape
        ssl_dim = X.file("ssl").streams[f"layer_{self.settings().layer:02d}"].shape[1]
        return CAFNetwork(frames, mels, ssl_dim, classes, self.settings())
