"""What a probe fits to standardised vectors: a linear layer, a weighting of layers before it, or a hidden layer.

All but the discriminant analysis minimise the sum of cross-entropies to the utterances' shares of classes, weighted by
class where asked for, plus half the squared norm of the weights over C, biases left out, as scikit-learn's logistic
regression does; the discriminant analysis has means, priors and covariance that are weighted by shares. A label is a
share of 1. Each starts from the same weights every time.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from pipeline.systems.classical import FloatArray, Numbers, softmax
from pipeline.systems.discriminant import discriminant_path
from pipeline.systems.inner_folds import Split
from pipeline.systems.logistic import TOLERANCE, logistic_path, of_each_class, spanned, standard
from pipeline.systems.logistic_sweep import Fit, is_large, logistic_sweep
from pipeline.systems.soft_labels import class_weights, duplicated, repeated, tilted

Shapes = dict[str, tuple[int | None, ...]]

STEPS = 1000
"""of the optimiser, at most"""


class Head(Protocol):
    """A classifier of standardised vectors."""

    @property
    def goes_on(self) -> bool:
        """Whether a fit depends on those of the lower strengths before it, and not only starts from them."""

    @property
    def calibrated(self) -> bool:
        """Whether the scores need a factor, which inner folds tell, before their softmax is a probability."""

    def path(self, z: FloatArray, truth: FloatArray, strengths: Sequence[float]) -> Iterator[Numbers]:
        """What is fitted to vectors z (N, dims) and their shares of classes (N, classes), for each C in turn."""

    def held_out(
        self, table: FloatArray, truth: FloatArray, folds: Sequence[Split], strengths: Sequence[float]
    ) -> list[list[FloatArray]]:
        """The scores (n, classes) of what each fold of a table (N, dims) leaves out, for each C."""

    def shapes(self, dims: int, classes: int) -> Shapes:
        """Of the arrays that `path` gives; None for any length."""


class FoldByFold(ABC):
    """What heads share that are fitted to one fold after the other."""

    @abstractmethod
    def path(self, z: FloatArray, truth: FloatArray, strengths: Sequence[float]) -> Iterator[Numbers]:
        """See `Head`."""

    def held_out(
        self, table: FloatArray, truth: FloatArray, folds: Sequence[Split], strengths: Sequence[float]
    ) -> list[list[FloatArray]]:
        """See `Head`."""
        return [self._of_fold(table, truth, fold, strengths) for fold in folds]

    def _of_fold(
        self, table: FloatArray, truth: FloatArray, fold: Split, strengths: Sequence[float]
    ) -> list[FloatArray]:
        fitted, left_out = fold
        z, held = table[fitted], table[left_out]
        mean, scale = standard(z)
        for rows in (z, held):  # in place: a large table fills the memory
            rows -= mean
            rows /= scale
        return [scores(held, numbers) for numbers in self.path(z, truth[fitted], strengths)]


def scores(z: FloatArray, numbers: Numbers) -> FloatArray:
    """Logits (N, classes) of vectors (N, dims), by the arrays of any head."""
    if "layer_weights" in numbers:
        z = mixed(z, numbers["layer_weights"], numbers["weight"].shape[1])
    if "hidden_weight" in numbers:
        z = np.maximum(z @ numbers["hidden_weight"].T + numbers["hidden_bias"], 0)
    return np.asarray(z @ numbers["weight"].T + numbers["bias"])


def mixed(z: FloatArray, shares: FloatArray, dims: int) -> FloatArray:
    """Layers side by side, (N, layers x width + others), as their weighted sum, (N, dims = width + others)."""
    count = len(shares)
    width = (z.shape[1] - dims) // (count - 1) if count > 1 else dims
    layers = z[:, : count * width].reshape(len(z), count, width)
    return np.hstack([shares @ layers, z[:, count * width :]])


@dataclass(frozen=True)
class Linear(FoldByFold):
    """scikit-learn's multinomial logistic regression.

    Attributes:
        balanced: whether classes are weighted inversely to their frequency.
    """

    balanced: bool
    goes_on: ClassVar[bool] = False
    calibrated: ClassVar[bool] = False

    def path(self, z: FloatArray, truth: FloatArray, strengths: Sequence[float]) -> Iterator[Numbers]:
        """See `Head`."""
        for weight, bias in self._fits(z, truth, strengths):
            yield {"weight": weight, "bias": bias}

    def held_out(
        self, table: FloatArray, truth: FloatArray, folds: Sequence[Split], strengths: Sequence[float]
    ) -> list[list[FloatArray]]:
        """See `Head`; those of a large table are fitted together."""
        if not is_large(table):
            return super().held_out(table, truth, folds, strengths)
        parts, rests = zip(*folds, strict=True)
        fitted = logistic_sweep(table, truth, parts, strengths, self.balanced, TOLERANCE)  # enough to choose by
        held = [(table[rest] - own.mean) / own.scale for rest, own in zip(rests, fitted, strict=True)]
        return [[z @ weight.T + bias for weight, bias in own.fits] for z, own in zip(held, fitted, strict=True)]

    def _fits(self, z: FloatArray, truth: FloatArray, strengths: Sequence[float]) -> Iterable[Fit]:
        if is_large(z):
            return logistic_sweep(z, truth, [np.arange(len(z))], strengths, self.balanced)[0].fits
        return logistic_path(z, truth, strengths, self.balanced)

    def shapes(self, dims: int, classes: int) -> Shapes:
        """Of weights and biases."""
        return {"weight": (classes, dims), "bias": (classes,)}


@dataclass(frozen=True)
class Discriminant(FoldByFold):
    """Linear discriminant analysis, whose covariance has 1 / (C N) on its diagonal besides.

    Attributes:
        balanced: whether each class counts the same.
    """

    balanced: bool
    goes_on: ClassVar[bool] = False
    calibrated: ClassVar[bool] = True

    def path(self, z: FloatArray, truth: FloatArray, strengths: Sequence[float]) -> Iterator[Numbers]:
        """See `Head`."""
        for weight, bias in discriminant_path(z, truth, strengths, self.balanced):
            yield {"weight": weight, "bias": bias}

    def shapes(self, dims: int, classes: int) -> Shapes:
        """Of weights and biases."""
        return {"weight": (classes, dims), "bias": (classes,)}


@dataclass(frozen=True)
class Weighted(FoldByFold):
    """One weight a layer, whose softmax sums to 1, and a linear layer on the weighted sum, fitted together.

    SUPERB's way to read all layers (Yang et al. 2021, arXiv:2105.01051, section 3), here by L-BFGS on the whole
    training part. It is not convex: the layers start with equal weights, and each C from the optimum of the one before.

    What is penalised is what each layer's columns are multiplied by in the end, share times weight: the sum of squares
    that the linear layer on all layers side by side has. Were it the weights alone, a sum over several layers, whose
    deviation is smaller, would need larger ones, and a single layer would take all, be it the best or not.

    Attributes:
        layers: how many there are, of equal width, before the other columns.
        width: columns of a layer.
        balanced: whether classes are weighted inversely to their frequency.
    """

    layers: int
    width: int
    balanced: bool
    goes_on: ClassVar[bool] = True
    calibrated: ClassVar[bool] = False

    def path(self, z: FloatArray, truth: FloatArray, strengths: Sequence[float]) -> Iterator[Numbers]:
        """See `Head`."""
        from scipy.optimize import minimize

        dims, classes = z.shape[1] - (self.layers - 1) * self.width, truth.shape[1]
        at = np.zeros(self.layers + classes * dims + classes)
        truth, weights = tilted(truth, class_weights(truth, self.balanced))
        for strength in strengths:
            options = {"maxiter": STEPS, "gtol": 1e-5, "ftol": 1e-12}
            at = minimize(self.loss, at, (z, truth, weights, strength), "L-BFGS-B", jac=True, options=options).x
            logits, weight, bias = self.parts(at, classes)
            yield {"layer_weights": softmax(logits), "weight": weight, "bias": bias}

    def shapes(self, dims: int, classes: int) -> Shapes:
        """Of the layers' shares, weights and biases."""
        return {"layer_weights": (None,), "weight": (classes, None), "bias": (classes,)}

    def parts(self, at: FloatArray, classes: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Logits of the layers (layers,), weights (classes, width + others) and biases (classes,)."""
        weight = at[self.layers : len(at) - classes].reshape(classes, -1)
        return at[: self.layers], weight, at[len(at) - classes :]

    def loss(
        self, at: FloatArray, z: FloatArray, truth: FloatArray, weights: FloatArray, strength: float
    ) -> tuple[float, FloatArray]:
        """What is minimised, over the sum of the utterances' weights, and its gradient."""
        logits, weight, bias = self.parts(at, truth.shape[1])
        shares, total = softmax(logits), weights.sum()
        sums = mixed(z, shares, weight.shape[1])
        p = softmax(sums @ weight.T + bias)
        entropy = -(truth * np.log(np.maximum(p, 1e-300))).sum(axis=1) @ weights / total
        slope = (p - truth) * (weights / total)[:, None]
        layers = z[:, : self.layers * self.width].reshape(len(z), self.layers, self.width)
        of_shares = (layers @ (slope @ weight[:, : self.width])[:, :, None])[:, :, 0].sum(axis=0)
        penalty, of_weight, penalty_of_shares = self.penalty(shares, weight)
        of_shares += penalty_of_shares / (strength * total)
        gradient = [
            shares * (of_shares - shares @ of_shares),
            (slope.T @ sums + of_weight / (strength * total)).ravel(),
            slope.sum(axis=0),
        ]
        return float(entropy + penalty / (strength * total)), np.concatenate(gradient)

    def penalty(self, shares: FloatArray, weight: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """Half the sum of squares of shares times weights, and its slopes along weights and shares."""
        counts = np.ones(weight.shape[1])  # of the other columns, which have no shares
        counts[: self.width] = shares @ shares
        squares = np.square(weight).sum(axis=0)
        return float(squares @ counts) / 2, weight * counts, shares * squares[: self.width].sum()


@dataclass(frozen=True)
class Perceptron(FoldByFold):
    """scikit-learn's perceptron with a hidden layer of rectified linear units, by L-BFGS.

    Attributes:
        hidden: units of the hidden layer.
        balanced: whether classes are weighted inversely to their frequency.
        seed: of the weights that it starts from.
    """

    hidden: int
    balanced: bool
    seed: int
    goes_on: ClassVar[bool] = False
    calibrated: ClassVar[bool] = False

    def path(self, z: FloatArray, truth: FloatArray, strengths: Sequence[float]) -> Iterator[Numbers]:
        """See `Head`."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier

        z, basis = spanned(z)
        rows, codes, weights = duplicated(truth, self.balanced)
        z = repeated(z, rows)
        options = {"solver": "lbfgs", "random_state": self.seed, "max_iter": STEPS, "max_fun": 2 * STEPS}
        for strength in strengths:
            model = MLPClassifier((self.hidden,), alpha=1 / strength, **options)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # so many steps are what is asked for
                model.fit(z, codes, sample_weight=weights)
            hidden = model.coefs_[0] if basis is None else basis @ model.coefs_[0]
            weight, bias = of_each_class(model.coefs_[1].T, model.intercepts_[1])
            yield {"hidden_weight": hidden.T, "hidden_bias": model.intercepts_[0], "weight": weight, "bias": bias}

    def shapes(self, dims: int, classes: int) -> Shapes:
        """Of the hidden layer's weights and biases, and of those after it."""
        hidden: Shapes = {"hidden_weight": (self.hidden, dims), "hidden_bias": (self.hidden,)}
        return {**hidden, "weight": (classes, self.hidden), "bias": (classes,)}
