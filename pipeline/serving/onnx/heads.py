"""What comes after the features of an experiment: a classifier of vectors, or networks, of each fold."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.serving.onnx.spectra import Streams
from pipeline.serving.onnx.states import pooled
from pipeline.serving.onnx.unmasked import all_valid, unmasked
from pipeline.storage.source import OWN
from pipeline.systems.layer_columns import layer_columns
from pipeline.systems.probe import Probe
from pipeline.systems.training.batches import Ragged
from pipeline.systems.view import View

Features = Mapping[str, Streams]
"""role -> its streams"""


class Vector(nn.Module):
    """`functionals.vectors` of hidden states: mean and deviation over frames, or the rows that are pooled already."""

    def __init__(self, X: View) -> None:
        super().__init__()
        self.streams = [*X.streams("ssl")]
        self.is_pooled = X.source("ssl").header.params.get("pool", "none") != "none"

    def forward(self, features: Features) -> Tensor:
        """(1, dims), in double precision."""
        rows = [features["ssl"][stream].double() for stream in self.streams]
        return torch.cat([row if self.is_pooled else pooled(row, True) for row in rows], dim=2)[:, 0]


class Linear(nn.Module):
    """`probe_heads.scores` of standardised vectors, and their softmax, in double precision."""

    def __init__(self, system: Any, X: View) -> None:
        super().__init__()
        self.vector = Vector(X)
        layers = system.layers_ if isinstance(system, Probe) else None
        columns = np.arange(len(system.numbers_["mean"])) if layers is None else layer_columns(X, layers)
        self.register_buffer("columns", torch.from_numpy(columns))
        self.names = [name for name in system.numbers_ if name not in ("layers", "shares")]
        for name in self.names:
            self.register_buffer(name, torch.from_numpy(system.numbers_[name]))

    def forward(self, features: Features) -> Tensor:
        """Probabilities (1, classes)."""
        own = {name: getattr(self, name) for name in self.names}
        z = (self.vector(features)[:, self.columns] - own["mean"]) / own["scale"]
        if "layer_weights" in own:
            z = _mixed(z, own["layer_weights"], own["weight"].shape[1])
        if "hidden_weight" in own:
            z = (z @ own["hidden_weight"].T + own["hidden_bias"]).relu()
        return (z @ own["weight"].T + own["bias"]).softmax(dim=1)


def _mixed(z: Tensor, shares: Tensor, dims: int) -> Tensor:
    """`probe_heads.mixed` of (1, layers x width)."""
    return shares @ z.reshape(len(shares), dims)[None]


class Networks(nn.Module):
    """The networks of one fold, whose mean is taken; see `networks.NetworkEstimator.outputs`."""

    def __init__(self, system: Any, X: View, frames: int) -> None:
        super().__init__()
        self.networks = nn.ModuleList(unmasked(net.module_, frames) for net in system.nets_)
        self.ragged = {name: isinstance(source, Ragged) for name, source in system.inputs(X).items()}
        layer = getattr(system.settings(), "layer", None)
        self.states = None if layer is None else f"layer_{layer:02d}"
        self.vector = Vector(X) if "functionals" in self.ragged else None

    def forward(self, features: Features) -> Tensor:
        """Probabilities (1, classes)."""
        inputs = self._inputs(features)
        outputs = torch.stack([network(**inputs).softmax(dim=-1).double() for network in self.networks])
        mean = outputs.mean(dim=0)
        return mean / mean.sum(dim=1, keepdim=True)

    def _inputs(self, features: Features) -> dict[str, Tensor]:
        """What the networks read, by the names of their arguments."""
        inputs = {}
        for name, is_ragged in self.ragged.items():
            rows = self._rows(name, features)
            inputs[name] = rows
            if is_ragged:
                inputs[f"{name}_valid"] = all_valid(rows)
        return inputs

    def _rows(self, name: str, features: Features) -> Tensor:
        if self.vector is not None:
            return torch.as_tensor(self.vector(features).float())
        if name == OWN:
            return features["ssl"][OWN]
        if name != "ssl":
            return features[name]["values"]
        rows = features["ssl"][str(self.states)]
        return rows if self.ragged[name] else rows.mean(dim=1)


class Folds(nn.Module):
    """The models of an experiment, one for each fold."""

    def __init__(self, folds: Sequence[nn.Module], classes: Sequence[str], own: Sequence[Sequence[str]]) -> None:
        super().__init__()
        self.folds = nn.ModuleList(folds)
        for number, names in enumerate(own):
            self.register_buffer(f"place_{number}", _places(names, classes))

    def forward(self, features: Features) -> Tensor:
        """Each fold's probabilities of all classes, (folds, classes), 0 for those that it was not trained on."""
        rows = [fold(features) @ getattr(self, f"place_{number}") for number, fold in enumerate(self.folds)]
        return torch.cat(rows)


def _places(names: Sequence[str], classes: Sequence[str]) -> Tensor:
    """Where a fold's classes are among all: (own, classes), a 1 in each row."""
    return torch.eye(len(classes), dtype=torch.float64)[[classes.index(name) for name in names]]
