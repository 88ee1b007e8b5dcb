"""Ridge regression (Hoerl & Kennard 1970) of one vector an utterance; its model is a few arrays."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from pipeline.systems.arrays import Data
from pipeline.systems.estimator import unreported
from pipeline.systems.logistic import spanned
from pipeline.systems.regression.regressor import FloatArray, Regressor, Values
from pipeline.systems.vector_estimator import VectorEstimator
from pipeline.systems.view import View


class VectorRegressor(VectorEstimator, Regressor):
    """A linear regressor of standardised vectors; subclasses give `learn`."""

    @abstractmethod
    def learn(self, X: View, targets: FloatArray) -> None:
        """Set `numbers_` to what is learned of utterances X with numbers (N, targets); `fit` has checked both."""

    def fit(
        self,
        X: Data,
        y: Values,
        validation: tuple[Data, Values] | None = None,
        on_epoch: Callable[[], None] = unreported,
    ) -> Self:
        """Fit on utterances X with numbers y; a validation part is not needed and not used.

        Raises:
            ParamsError: a param is not what it must be.
            ValueError: X or y cannot be taken, or a feature is undefined.
        """
        view, targets = self.training_data(X, y)
        self.learn(view, targets)
        return self

    def values(self, X: Data) -> FloatArray:
        """Numbers (N, targets).

        Raises:
            ValueError: X cannot be taken, or its features are of other dimensions than those fitted on.
        """
        return linear(self.standardised(X), self.numbers_["weight"], self.numbers_["bias"])

    def load(self, path: Path, X: Data, outputs: int) -> Self:
        """Read numbers that `save` wrote; returns the fitted regressor.

        Raises:
            ValueError: they are not those of this system, for features as those of X and so many targets.
        """
        self.outputs_, self.flat_ = outputs, False
        self.load_numbers(path, X, outputs)
        return self

    def shapes(self, dims: int, outputs: int) -> dict[str, tuple[int | None, ...]]:
        """Of weights and biases."""
        return {"weight": (outputs, dims), "bias": (outputs,)}


class RidgeRegressor(VectorRegressor):
    """Ridge regression with a penalty that is given; subclasses set `name`, `roles` and `Params`, which has alpha."""

    def learn(self, X: View, targets: FloatArray) -> None:
        """Weights (targets, dims) and biases (targets,)."""
        ((weight, bias),) = ridge_path(self.keep_scale(self.table(X)), targets, [self.settings().alpha])
        self.keep({"weight": weight, "bias": bias})


def linear(z: FloatArray, weight: FloatArray, bias: FloatArray) -> FloatArray:
    """Numbers (N, targets) of vectors z (N, dims)."""
    return np.asarray(z @ weight.T + bias)


def ridge_path(
    table: FloatArray, targets: FloatArray, penalties: Sequence[float]
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Weights (targets, dims) and biases (targets,) for each penalty of the squared weights, in their order.

    With fewer rows than columns it is solved, to the same solution, in as many dimensions as there are rows.

    Args:
        table: standardised vectors (N, dims).
        targets: (N, targets).
        penalties: alphas, above 0.
    """
    from sklearn.linear_model import Ridge

    rows, basis = spanned(table)
    for alpha in penalties:
        model = Ridge(alpha=alpha).fit(rows, targets)
        weight, bias = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)  # flat ones of one target
        yield (weight if basis is None else weight @ basis.T), bias
