"""A baseline: a multilayer perceptron on the vectors of the pooled baseline."""

import itertools
from collections.abc import Iterator

import numpy as np
from pydantic import Field
from torch import Tensor, nn

from pipeline.systems.demands import Features
from pipeline.systems.frame_system import BaselineParams, Size
from pipeline.systems.functionals import vectors
from pipeline.systems.layers.standardize import Standardize
from pipeline.systems.neural import Fixed, Inputs, NeuralSystem
from pipeline.systems.view import View


class MLPParams(BaselineParams):
    """Params of the MLP."""

    hidden: list[Size] = Field([128], description="width of each hidden layer")

    def unmet(self, features: Features) -> Iterator[str]:
        """No frame is read as it is, so that none can be masked; see `SystemParams.unmet`."""
        yield from (f"params.{problem}" for problem in self.unmasked())


class MLPNetwork(nn.Module):
    """Standardised vectors -> hidden layers with ReLU and dropout -> C."""

    def __init__(self, dims: int, classes: int, params: MLPParams) -> None:
        super().__init__()
        self.standardize = nn.ModuleDict({"functionals": Standardize(dims)})
        widths = [dims, *params.hidden]
        hidden = [
            nn.Sequential(nn.Linear(before, after), nn.ReLU(), nn.Dropout(params.dropout))
            for before, after in itertools.pairwise(widths)
        ]
        self.layers = nn.Sequential(*hidden, nn.Linear(widths[-1], classes))

    def forward(self, functionals: Tensor) -> Tensor:
        """Logits (batch, classes) of vectors (batch, dims)."""
        logits: Tensor = self.layers(self.standardize["functionals"](functionals))
        return logits


class MLP(NeuralSystem):
    """The MLP as a scikit-learn classifier over a view with any of the roles logmel, mfcc, opensmile, prosody, ssl."""

    name = "mlp"
    roles = ()
    optional = ("logmel", "mfcc", "opensmile", "prosody", "ssl")
    Params = MLPParams
    parts = {"head": ("layers.-1",)}

    def inputs(self, X: View) -> Inputs:
        """One vector an utterance."""
        return {"functionals": Fixed(list(vectors(X).astype(np.float32)))}

    def network(self, X: View, classes: int) -> nn.Module:
        """The network for features as those of X."""
        return MLPNetwork(vectors(X[[0]]).shape[1], classes, self.settings())
