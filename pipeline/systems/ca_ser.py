"""CA-SER: MFCC frames that attend to wav2vec 2.0 frames (Deeb et al. 2024, "Cross-Attention Feature Fusion for SER").

Where the paper is silent or wrong, a default has the authors' public code as its source, or is ours:

- BiLSTM of 512 units per direction, two layers, dropout 0.1 (code); the text says 256 units and no number of layers.
- The heads of the cross-attention are jointly 256 wide (code). The paper gives 108 M parameters in all: 94.4 M of
  wav2vec 2.0 base and 13.2 M of this network; with heads jointly 512 wide it would have 13.7 M.
- Self-attention with one head (code); GELU and dropout 0.3 in both blocks as in the fusion's (the code has ReLU and no
  dropout in this one).
- Weight decay 0.01, AdamW's in torch (code); the paper gives none. The code also lowers the learning rate on plateaus,
  of which the paper says nothing: constant here.
- The authors' code has no mask, so padding takes part in every mean and every softmax; here neither sees it.
- The text clips recordings at 8 s, as the feature preset `ca_ser_mfcc` does, the code at 13 s.
- The text gives wav2vec 2.0 base 8 heads; it has 12. The authors' metric function has WA and UA swapped.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pipeline.features.ssl.streams import layer_stream
from pipeline.systems.arrays import Data
from pipeline.systems.demands import Features
from pipeline.systems.layers.bilstm import BiLSTM
from pipeline.systems.layers.cross_attention import AttentionBlock
from pipeline.systems.layers.pooling import masked_mean
from pipeline.systems.layers.positions import SinusoidalPositions
from pipeline.systems.neural import Inputs, NeuralSystem, Ragged, TrainingParams
from pipeline.systems.state_demands import pooled_states, unkept_layers
from pipeline.systems.view import View


class CASERParams(TrainingParams):
    """Params of CA-SER; the training's are the paper's: AdamW 4e-5, 2 utterances a batch, 4 batches a step."""

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(2, ge=1)
    accumulate: int = Field(4, ge=1, description="batches whose gradients are averaged into one step")
    learning_rate: float = Field(4e-5, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    patience: int = Field(7, ge=0)
    monitor: Literal["valid_loss", "valid_acc"] = "valid_acc"
    layer: int = Field(9, ge=0, description="hidden state of the self-supervised model that is attended to")
    width: int = Field(512, ge=1, description="width of both streams and of the fused frames")
    lstm_units: int = Field(512, ge=1, description="units of either direction of the BiLSTM")
    lstm_dropout: float = Field(0.1, ge=0, lt=1, description="between the BiLSTM's two layers")
    self_heads: int = Field(1, ge=1, description="heads of the MFCC stream's self-attention")
    heads: int = Field(8, ge=1, description="heads of the cross-attention")
    head_width: int = Field(32, ge=1, description="width of each head of the cross-attention")
    feed_forward: int = Field(1024, ge=1, description="width inside the feed-forward networks")
    dropout: float = Field(0.3, ge=0, lt=1, description="in both attention blocks")

    @model_validator(mode="after")
    def _heads_divide(self) -> "CASERParams":
        if self.width % self.self_heads:
            raise ValueError(f"self_heads {self.self_heads} does not divide width {self.width}")
        return self

    def unmet(self, features: Features) -> Iterator[str]:
        """The layer's frames; see `SystemParams.unmet`."""
        yield from unkept_layers(features, "layer", [self.layer])
        yield from pooled_states(features, "CA-SER")


class CASERNetwork(nn.Module):
    """The feature encoder, the fusion module and the classifier of figure 1; the self-supervised model is not in it."""

    def __init__(self, mfcc_dim: int, ssl_dim: int, classes: int, params: CASERParams) -> None:
        super().__init__()
        width = params.width
        self.project_ssl = nn.Linear(ssl_dim, width)
        self.lstm = BiLSTM(mfcc_dim, params.lstm_units, 2, params.lstm_dropout)
        self.project_mfcc = nn.Linear(2 * params.lstm_units, width)
        self.positions = SinusoidalPositions(width)
        self.self_attention = AttentionBlock(
            width, params.self_heads, params.feed_forward, params.dropout, activation="gelu"
        )
        self.fusion = AttentionBlock(
            width,
            params.heads,
            params.feed_forward,
            params.dropout,
            activation="gelu",
            inner=params.heads * params.head_width,
        )
        self.classifier = nn.Linear(width, classes)

    def forward(self, mfcc: Tensor, mfcc_valid: Tensor, ssl: Tensor, ssl_valid: Tensor) -> Tensor:
        """Logits (batch, classes), the mean of the valid frames' logits.

        The classifier is linear, so that is the classifier's output for the frames' mean, which is computed here.

        Args:
            mfcc: MFCC (batch, frames, mfcc_dim).
            mfcc_valid: (batch, frames), true on real frames.
            ssl: hidden states (batch, other frames, ssl_dim).
            ssl_valid: (batch, other frames), true on real frames.
        """
        logits: Tensor = self.classifier(self.represent(mfcc, mfcc_valid, ssl, ssl_valid))
        return logits

    def represent(self, mfcc: Tensor, mfcc_valid: Tensor, ssl: Tensor, ssl_valid: Tensor) -> Tensor:
        """The utterance's representation (batch, width): the mean of its fused frames."""
        return masked_mean(self.fuse(mfcc, mfcc_valid, ssl, ssl_valid), mfcc_valid)

    def fuse(self, mfcc: Tensor, mfcc_valid: Tensor, ssl: Tensor, ssl_valid: Tensor) -> Tensor:
        """The fused frames (batch, frames, width), one for each MFCC frame."""
        states = self.project_ssl(torch.tanh(ssl))
        frames = self.project_mfcc(self.lstm(F.normalize(mfcc, dim=-1), mfcc_valid))
        frames = self.positions(frames)
        frames = self.self_attention(frames, frames, mfcc_valid)
        fused: Tensor = self.fusion(frames, states, ssl_valid)
        return fused


class CASER(NeuralSystem):
    """CA-SER as a scikit-learn classifier over a view with the roles mfcc and ssl, of any lengths."""

    name = "ca_ser"
    roles = ("mfcc", "ssl")
    accepts = {"mfcc": ("mfcc", "lpcc", "stft")}
    parts = {"head": ("classifier",), "fusion": ("fusion",)}
    Params = CASERParams

    def inputs(self, X: View) -> Inputs:
        """MFCC and hidden states."""
        return {
            "mfcc": Ragged(X.arrays("mfcc")),
            "ssl": Ragged(X.arrays("ssl", layer_stream(X.source("ssl"), self.settings().layer))),
        }

    def network(self, X: View, classes: int) -> nn.Module:
        """The network for features as those of X."""
        mfcc_dim = X.dims("mfcc")
        ssl_dim = X.dims("ssl", layer_stream(X.source("ssl"), self.settings().layer))
        return CASERNetwork(mfcc_dim, ssl_dim, classes, self.settings())

    def representation(self, X: Data) -> NDArray[np.float32]:
        """What the trained classifier of the first seed sees of each utterance, for other tasks: (N, width)."""
        X = self.data(X)
        data = self._batches(X, np.zeros(len(X), np.int64))
        network = self.nets_[0].module_.eval()
        found = []
        with torch.inference_mode():
            for start in range(0, len(X), self.settings().batch_size):
                rows = range(start, min(start + self.settings().batch_size, len(X)))
                batch, _ = data.__getitems__([*rows])
                found.append(network.represent(**{name: value.to(self.device) for name, value in batch.items()}).cpu())
        return torch.cat(found).numpy()
