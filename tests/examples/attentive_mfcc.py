"""A linear layer over MFCC frames that are averaged with learned weights (attention pooling)."""

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.systems.layers.standardize import Standardize
from pipeline.systems.neural import Inputs, NeuralSystem, Ragged, TrainingParams
from pipeline.systems.view import View


class AttentiveMFCCParams(TrainingParams):
    """Params of attentive MFCC; those of training (epochs, learning_rate, mixup, ...) are every system's."""

    learning_rate: float = Field(1e-2, gt=0)
    dropout: float = Field(0.1, ge=0, lt=1, description="before the last layer")


class AttentiveMFCCNetwork(nn.Module):
    """Standardise, weigh the frames, average, classify."""

    def __init__(self, dims: int, classes: int, params: AttentiveMFCCParams) -> None:
        super().__init__()
        self.standardize = nn.ModuleDict({"mfcc": Standardize(dims)})  # takes the training part's statistics
        self.score = nn.Linear(dims, 1)
        self.classifier = nn.Sequential(nn.Dropout(params.dropout), nn.Linear(dims, classes))

    def forward(self, mfcc: Tensor, mfcc_valid: Tensor) -> Tensor:
        """Logits (batch, classes) of MFCC (batch, frames, dims), real where `mfcc_valid` (batch, frames)."""
        x = self.standardize["mfcc"](mfcc)
        scores = self.score(x)[..., 0].masked_fill(~mfcc_valid, -torch.inf)
        pooled = (scores.softmax(dim=1)[..., None] * x).sum(dim=1)
        logits: Tensor = self.classifier(pooled)
        return logits


class AttentiveMFCC(NeuralSystem):
    """Attentive MFCC as a scikit-learn classifier over a view with the role mfcc."""

    name = "attentive_mfcc"
    roles = ("mfcc",)
    Params = AttentiveMFCCParams

    def inputs(self, X: View) -> Inputs:
        """MFCC; ragged, so batches are padded and masked."""
        return {"mfcc": Ragged(X.arrays("mfcc"))}

    def network(self, X: View, classes: int) -> nn.Module:
        """The network for features as those of X."""
        return AttentiveMFCCNetwork(X.dims("mfcc"), classes, self.settings())
