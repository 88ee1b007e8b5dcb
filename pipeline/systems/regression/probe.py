"""The regressor of the probe: ridge regression of pooled hidden states, whose penalty and layer inner folds choose."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, StrictInt, field_validator

from pipeline.systems.arrays import Data
from pipeline.systems.demands import Features
from pipeline.systems.inner_folds import Split, inner_folds
from pipeline.systems.layer_columns import check_layers, every_layer, unmet_layers
from pipeline.systems.layer_reader import LayerReader, check_strengths
from pipeline.systems.normalisation import SystemParams
from pipeline.systems.regression.agreement import concordance
from pipeline.systems.regression.regressor import FloatArray
from pipeline.systems.regression.ridge import VectorRegressor, linear, ridge_path
from pipeline.systems.view import View


class ProbeRegressorParams(SystemParams):
    """Params of the probe's regressor."""

    layers: Literal["all", "each"] | StrictInt | list[StrictInt] = Field(
        "all",
        description="hidden states that are read: one, several side by side, or all; with each, the one that inner "
        "folds choose",
    )
    alphas: tuple[float, ...] = Field(
        (1.0, 10.0, 100.0, 1e3, 1e4, 1e5),
        min_length=1,
        strict=False,
        description="strengths of the penalty, of squared weights per squared residual; inner folds choose one",
    )
    folds: int = Field(5, ge=2, description="inner folds, by speakers where they are known, in which is chosen")

    @field_validator("layers", mode="before")
    @classmethod
    def _each_once(cls, layers: Any) -> Any:
        if layers in ("stacked", "weighted"):
            raise ValueError(f"{layers} is for classes, and there are targets; take all or each")
        check_layers(layers, ("all", "each"))
        return layers

    @field_validator("alphas")
    @classmethod
    def _ascending(cls, strengths: tuple[float, ...]) -> tuple[float, ...]:
        check_strengths(strengths)
        return strengths

    def unmet(self, features: Features) -> Iterator[str]:
        """Hidden states where their layers are chosen among, and the layers that are named; see `SystemParams`."""
        yield from unmet_layers(features, self.layers)


@dataclass(frozen=True)
class Choice:
    """The penalty that inner folds choose for some layers, and its score, the higher the better."""

    score: float
    alpha: float


class ProbeRegressor(LayerReader, VectorRegressor):
    """scikit-learn's ridge regression of standardised vectors; inner folds choose its penalty, and the layer.

    Chosen is what has the highest mean, over folds and targets, of concordance (CCC), of equal ones the first. Where
    there can be no folds it is the middle of the penalties, and of the layers.

    Attributes:
        layers_: the layers that are read; all, where they are not chosen.
        alpha_: the penalty chosen; None of a model that was loaded.
    """

    name = "probe"
    roles = ()
    optional = ("ssl", "logmel", "mfcc", "opensmile", "prosody")
    Params = ProbeRegressorParams
    alpha_: float | None

    def learn(self, X: View, targets: FloatArray) -> None:
        """Choose a penalty and layers, and fit to these.

        Raises:
            UserError: the features lack a layer that is asked for.
        """
        self.layers_ = every_layer(X)
        table, candidates = self.table(X), self.candidates(X)
        folds = inner_folds(np.zeros(len(targets), np.int64), X, self.settings().folds, self.seed)
        chosen = {layers: self._choice(table[:, own], targets, folds) for layers, own in candidates.items()}
        order = sorted(chosen)
        best = max(chosen, key=lambda layers: chosen[layers].score) if folds else order[len(order) // 2]
        self.layers_, self.alpha_ = best, chosen[best].alpha
        ((weight, bias),) = ridge_path(self.keep_scale(table[:, candidates[best]]), targets, [self.alpha_])
        self.keep({"layers": np.array(best, np.float64), "weight": weight, "bias": bias})

    def choices(self) -> Mapping[str, float]:
        """The layer where each was tried, and the penalty with the ends of its grid."""
        settings = self.settings()
        layer = {"layer": float(self.layers_[0])} if settings.layers == "each" else {}
        if self.alpha_ is None:
            return layer
        grid = {"alpha lowest": settings.alphas[0], "alpha highest": settings.alphas[-1]}
        return layer | {"alpha": self.alpha_} | grid

    def load(self, path: Path, X: Data, outputs: int) -> Self:
        """Read numbers that `save` wrote; returns the fitted regressor.

        Raises:
            ValueError: they are not those of this system, for features as those of X and so many targets.
            UserError: the features lack a layer.
        """
        self.alpha_ = None
        return super().load(path, X, outputs)

    def shapes(self, dims: int, outputs: int) -> dict[str, tuple[int | None, ...]]:
        """Of weights, biases and the layers' numbers."""
        return {**super().shapes(dims, outputs), "layers": (None,)}

    def _choice(self, table: FloatArray, targets: FloatArray, folds: Sequence[Split]) -> Choice:
        """The penalty with the highest mean of CCC over folds and targets; the middle one without folds."""
        grid = self.settings().alphas
        if not folds:
            return Choice(0.0, grid[len(grid) // 2])
        mean = np.mean([_scores(table, targets, fold, grid) for fold in folds], axis=0)
        return Choice(float(mean.max()), grid[int(mean.argmax())])


def _scores(table: FloatArray, targets: FloatArray, fold: Split, grid: Sequence[float]) -> list[float]:
    """Mean CCC over targets of what one fold leaves out, for each penalty."""
    fitted, left_out = fold
    mean, scale = table[fitted].mean(axis=0), table[fitted].std(axis=0)
    scale[scale <= 1e-8] = 1
    held = (table[left_out] - mean) / scale
    path = ridge_path((table[fitted] - mean) / scale, targets[fitted], grid)
    return [float(np.mean(concordance(linear(held, *numbers), targets[left_out]))) for numbers in path]
