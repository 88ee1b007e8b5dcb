"""A probe: a linear classifier of pooled hidden states, of one layer, of several, of each, or weighted.

What a representation holds is read off with as little on top as can be (Alain & Bengio 2017, "Understanding
intermediate layers using linear classifier probes"); how much it is regularised is chosen inside the training part.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StrictInt, field_validator, model_validator

from pipeline.systems.arrays import Data
from pipeline.systems.classical import Classical, FloatArray, Numbers, softmax
from pipeline.systems.demands import Features
from pipeline.systems.discriminant import sharpness
from pipeline.systems.inner_folds import Split, inner_folds
from pipeline.systems.layer_columns import (
    Columns,
    Layers,
    check_layers,
    columns_among,
    every_layer,
    layer_width,
    unmet_layers,
)
from pipeline.systems.layer_reader import LayerReader, check_strengths
from pipeline.systems.logistic import standard
from pipeline.systems.normalisation import SystemParams
from pipeline.systems.probe_fits import Choice, Fitted, FittedLayers
from pipeline.systems.probe_heads import Discriminant, Head, Linear, Perceptron, Weighted, scores
from pipeline.systems.self_training import corpora_of, expected_shares, pseudo_labels, unlabelled
from pipeline.systems.soft_labels import of_labels
from pipeline.systems.stacked_layers import joined, shares_of
from pipeline.systems.view import View

Codes = NDArray[np.int64]


class ProbeParams(SystemParams):
    """Params of the probe."""

    layers: Literal["all", "each", "stacked", "weighted"] | StrictInt | list[StrictInt] = Field(
        "all",
        description="hidden states that are read: one, several side by side, or all; with each, the one that inner "
        "folds choose; stacked, a classifier of each, which count by what inner folds tell; weighted, the sum of all "
        "with weights that are learned",
    )
    classifier: Literal["linear", "lda", "mlp"] = Field(
        "linear",
        description="what is fitted to them: logistic regression, regularised linear discriminant analysis, or a "
        "perceptron with a hidden layer",
    )
    hidden: int = Field(64, ge=1, description="units of mlp's hidden layer")
    c: tuple[float, ...] = Field(
        (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
        min_length=1,
        strict=False,
        description="inverse regularisation strengths, of which inner folds choose one",
    )
    folds: int = Field(5, ge=2, description="inner folds, by speakers where they are known, in which is chosen")
    balanced: bool = Field(True, description="weight classes inversely to their frequency")
    self_training: tuple[float, ...] = Field(
        (),
        strict=False,
        description="(transductive) rounds in which the recordings without labels that it is surest of are learned "
        "from: the share, of those taken for a class, in each round",
    )

    @field_validator("layers", mode="before")
    @classmethod
    def _each_once(cls, layers: Any) -> Any:
        check_layers(layers, ("all", "each", "stacked", "weighted"))
        return layers

    @field_validator("c")
    @classmethod
    def _ascending(cls, strengths: tuple[float, ...]) -> tuple[float, ...]:
        check_strengths(strengths)
        return strengths

    @field_validator("self_training")
    @classmethod
    def _shares(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < share <= 1 for share in shares):
            raise ValueError(f"must be shares above 0, up to 1; it is {list(shares)}")
        return shares

    @model_validator(mode="after")
    def _weighted_is_linear(self) -> "ProbeParams":
        if self.layers == "stacked" and self.classifier == "mlp":
            raise ValueError("classifier mlp does not go with layers stacked, which take linear or lda")
        if self.layers == "weighted" and self.classifier != "linear":
            raise ValueError(
                f"classifier {self.classifier} does not go with layers weighted, whose classifier is linear"
            )
        return self

    def unmet(self, features: Features) -> Iterator[str]:
        """Hidden states where their layers are chosen among, and the layers that are named; see `SystemParams`."""
        yield from unmet_layers(features, self.layers)


class Probe(LayerReader, Classical):
    """scikit-learn's logistic regression of standardised vectors; inner folds choose its strength, and the layer.

    Or what `pipeline.systems.probe_heads` has in its place.

    Of hidden states it takes mean and standard deviation over the frames, of the layers that `layers` names; other
    features stand beside them as the vectors that `pipeline.systems.functionals` makes. The choice is that of
    scikit-learn's `GridSearchCV` over a pipeline with `StandardScaler`: the highest mean over the folds of balanced
    accuracy, of equal ones the first. Where there can be no folds it is the middle of the strengths, and of the layers.

    Of raters' shares it minimises the cross-entropy to these. The folds are stratified by each utterance's largest
    share, of equal ones the first, and balanced accuracy is the mean over the classes of the part of their shares that
    was recognised, which of labels is the recall: the choice is by the same score as that of labels. Factors of scores,
    and what stacked layers count, are those of the lowest cross-entropy to the shares; what self-training takes a
    recording for is a share of 1.

    Attributes:
        layers_: the layers that are read; all, where they are not chosen.
        c_: the strength chosen; of stacked layers, that of each, and last that of other features. A model that was
            loaded does not know it.

    Example:
        >>> from pipeline import load_corpus
        >>> X, y, speakers = load_corpus("demo_en", features=["mfcc_39", "prosody"])
        >>> Probe(c=(0.01, 0.1)).fit(X, y).c_ in (0.01, 0.1)
        True
    """

    name = "probe"
    roles = ()
    optional = ("ssl", "logmel", "mfcc", "opensmile", "prosody")
    Params = ProbeParams
    chooses = True
    takes_votes = True

    def learn(self, X: View, codes: Codes) -> None:
        """Choose a strength and layers, and fit to these.

        Raises:
            UserError: the features lack a layer that is asked for.
        """
        self.learn_shares(X, of_labels(codes, len(self.classes_)))

    def learn_shares(self, X: View, shares: FloatArray) -> None:
        """As `learn`, of the share of each class in each utterance (N, classes).

        Raises:
            UserError: the features lack a layer that is asked for.
        """
        self.layers_ = every_layer(X)
        self.c_: float | tuple[float, ...]
        table, candidates = self.table(X), self.candidates(X)
        chosen, held_out = self._chosen(table, shares, candidates, X)
        parts = self._parts(chosen, held_out)

        def fitted_to(table: FloatArray, truth: FloatArray) -> FittedLayers:
            return {layers: self._fitted(table, truth, candidates[layers], chosen[layers], X) for layers in chosen}

        fitted = self._self_trained(fitted_to, table, shares, parts, X)
        self.variants_ = {layers: one for layers, one in fitted.items() if layers} if len(fitted) > 1 else {}
        if self.settings().layers == "stacked":
            self._stack(parts, chosen, fitted)
        else:
            (best,) = parts
            self.layers_, self.c_, own = best, chosen[best].strength, fitted[best]
            layers = np.array(best, np.float64)
            self.numbers_: Numbers = {"mean": own.mean, "scale": own.scale, "layers": layers, **own.numbers}

    def _parts(self, chosen: Mapping[Layers, Choice], truth: FloatArray) -> dict[Layers, float]:
        """What the scores of each candidate that is read count: of stacked layers of each, or else of the best."""
        if self.settings().layers != "stacked":
            return {max(chosen, key=lambda layers: chosen[layers].score): 1.0}
        return dict(zip(chosen, shares_of([one.held_out for one in chosen.values()], truth).tolist(), strict=True))

    def _self_trained(
        self,
        fitted_to: Callable[[FloatArray, FloatArray], FittedLayers],
        table: FloatArray,
        truth: FloatArray,
        parts: Mapping[Layers, float],
        X: View,
    ) -> FittedLayers:
        """What is fitted to X, and to what it then takes the recordings without labels for, round by round."""
        fitted, rounds = fitted_to(table, truth), self.settings().self_training
        others = unlabelled(X) if rounds else X[:0]
        if not len(others):
            return fitted
        rest, corpora = self.table(others), corpora_of(others)
        expected = expected_shares(truth, corpora_of(X))
        for share in rounds:
            logits = sum((part * fitted[layers].scores(rest) for layers, part in parts.items()), np.zeros(1))
            labels = pseudo_labels(logits, corpora, expected, share)
            taken = labels >= 0
            learned = np.concatenate([truth, of_labels(labels[taken], len(self.classes_))])
            fitted = fitted_to(np.vstack([table, rest[taken]]), learned)
        return fitted

    def _stack(self, shares: Mapping[Layers, float], chosen: Mapping[Layers, Choice], fitted: FittedLayers) -> None:
        """Join the classifiers of each layer, and that of other features, as their shares say."""
        own, parts = [fitted[layers] for layers in shares], np.array([*shares.values()])
        weights, biases = ([one.numbers[name] for one in own] for name in ("weight", "bias"))
        columns = [one.columns for one in own]
        weight, bias = joined(weights, biases, columns, parts, sum(map(len, columns)))
        order = np.argsort(np.concatenate(columns))
        mean, scale = (np.concatenate([getattr(one, name) for one in own])[order] for name in ("mean", "scale"))
        layers = np.array(self.layers_, np.float64)
        self.c_ = tuple(choice.strength for choice in chosen.values())
        self.numbers_ = {"mean": mean, "scale": scale, "layers": layers, "shares": parts}
        self.numbers_ |= {"weight": weight, "bias": bias}

    def variants(self, X: Data) -> Mapping[str, FloatArray]:
        """Where each layer was tried: the probabilities (N, classes) by that layer, under its number."""
        if not self.variants_:
            return {}
        view, own = self.data(X), self.layers_
        self.layers_ = every_layer(view)
        table, self.layers_ = self.table(view), own
        return {str(layers[0]): fitted.probabilities(table) for layers, fitted in self.variants_.items()}

    def choices(self) -> dict[str, float]:
        """The layer where each was tried, C with the ends of its grid, and the share of each layer that has one."""
        grid = self.settings().c
        found: dict[str, float] = {"layer": float(self.chosen_variant())} if self.chosen_variant() else {}
        if isinstance(self.c_, float):
            found |= {"C": self.c_, "C lowest": grid[0], "C highest": grid[-1]}
        shares = self.numbers_.get("layer_weights", self.numbers_.get("shares", np.zeros(0)))
        names = [*(f"layer {number}" for number in self.layers_), "other features"]
        return found | {f"share of {name}": float(share) for name, share in zip(names, shares, strict=False)}

    def chosen_variant(self) -> str:
        """The number of the layer that is read, where each was tried."""
        return str(self.layers_[0]) if self.variants_ and self.settings().layers == "each" else ""

    def load(self, path: Path, X: Data, classes: Sequence[str]) -> Self:
        """Read numbers that `save` wrote; returns the fitted classifier.

        Raises:
            ValueError: they are not those of this system, for features as those of X and these classes.
            UserError: the features lack a layer.
        """
        self.variants_, self.c_ = {}, ()
        return super().load(path, X, classes)

    def shapes(self, dims: int, classes: int) -> dict[str, tuple[int | None, ...]]:
        """Of the head's arrays and the layers' numbers."""
        shares = {"shares": (None,)} if self.settings().layers == "stacked" else {}
        return {**self._head(0).shapes(dims, classes), "layers": (None,), **shares}

    def probabilities(self, z: FloatArray) -> FloatArray:
        """Softmax of the head's scores."""
        return softmax(scores(z, self.numbers_))

    def _head(self, width: int) -> Head:
        """What is fitted to the layers, of so many columns each."""
        settings = self.settings()
        if settings.layers == "weighted":
            return Weighted(len(self.layers_), width, settings.balanced)
        if settings.classifier == "mlp":
            return Perceptron(settings.hidden, settings.balanced, self.seed)
        return Discriminant(settings.balanced) if settings.classifier == "lda" else Linear(settings.balanced)

    def candidates(self, X: View) -> dict[Layers, Columns]:
        """What may be chosen; of stacked layers each by itself, and what other features there are."""
        every = every_layer(X)
        if self.settings().layers != "stacked" or not every:
            return super().candidates(X)
        others = columns_among(X, every, ())
        own = {(layer,): np.setdiff1d(columns_among(X, every, (layer,)), others) for layer in every}
        return own | ({(): others} if len(others) else {})

    def _chosen(
        self, table: FloatArray, truth: FloatArray, candidates: Mapping[Layers, Columns], X: View
    ) -> tuple[dict[Layers, Choice], FloatArray]:
        """What inner folds choose for each candidate, and the shares of classes in what they left out."""
        settings = self.settings()
        folds = inner_folds(truth.argmax(axis=1), X, settings.folds, self.seed)
        whole = [fold for fold in folds if truth[fold[0]].any(axis=0).all()]
        if not whole:
            middle = sorted(candidates)[len(candidates) // 2]
            strength = settings.c[len(settings.c) // 2]
            return {layers: Choice(layers == middle, strength) for layers in candidates}, truth[:0]
        head = self._head(layer_width(X))
        chosen = {layers: self._choice(head, table[:, own], truth, whole) for layers, own in candidates.items()}
        return chosen, np.concatenate([truth[left_out] for _, left_out in whole])

    def _choice(self, head: Head, table: FloatArray, truth: FloatArray, folds: Sequence[Split]) -> Choice:
        """The strength with the highest mean of balanced accuracy over the folds, and the factor of its scores."""
        from scipy.special import log_softmax

        held = head.held_out(table, truth, folds, self.settings().c)
        known = [truth[left_out] for _, left_out in folds]
        recalls = [[_recall(y, each.argmax(axis=1)) for each in own] for y, own in zip(known, held, strict=True)]
        mean = np.mean(recalls, axis=0)
        best = int(mean.argmax())
        own = np.concatenate([each[best] for each in held])
        factor = sharpness(own, np.concatenate(known)) if head.calibrated else 1.0
        return Choice(float(mean.max()), self.settings().c[best], factor, log_softmax(factor * own, axis=1))

    def _fitted(self, table: FloatArray, truth: FloatArray, columns: Columns, choice: Choice, X: View) -> Fitted:
        z, head = table[:, columns], self._head(layer_width(X))
        mean, scale = standard(z)
        z -= mean  # in place: a large table fills the memory
        z /= scale
        before = [c for c in self.settings().c if c < choice.strength] if head.goes_on else []
        *_, numbers = head.path(z, truth, [*before, choice.strength])
        if head.calibrated:
            numbers = {name: choice.factor * value for name, value in numbers.items()}
        return Fitted(columns, mean, scale, {name: np.ascontiguousarray(value) for name, value in numbers.items()})


def _recall(truth: FloatArray, predicted: Codes) -> float:
    """The mean over the classes that there are of the part of their shares (N, classes) that was recognised."""
    sums, found = truth.sum(axis=0), truth[np.arange(len(truth)), predicted]
    recognised = np.bincount(predicted, found, minlength=len(sums))
    return float(np.mean(recognised[sums > 0] / sums[sums > 0]))
