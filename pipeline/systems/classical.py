"""What the classical systems share: one vector an utterance, standardised, and a model that is a few arrays."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.systems.arrays import Data, Labels
from pipeline.systems.estimator import unreported
from pipeline.systems.logistic import softmax
from pipeline.systems.soft_labels import SoftLabels
from pipeline.systems.system import System
from pipeline.systems.vector_estimator import FloatArray, Numbers, VectorEstimator
from pipeline.systems.view import View


class Classical(VectorEstimator, System):
    """A classifier over a `View` whose fitted model is a few arrays; scikit-learn fits it, and nothing is pickled.

    Subclasses set `name`, `roles` and `Params`, and give `learn`, `shapes` and `probabilities`.
    """

    @abstractmethod
    def learn(self, X: View, codes: NDArray[np.int64]) -> None:
        """Set `numbers_` to what is learned of utterances X, of the classes `codes` (N,); `fit` has checked both."""

    def learn_shares(self, X: View, shares: FloatArray) -> None:
        """As `learn`, of the share of each class in each utterance (N, classes); not called unless `takes_votes`."""
        raise NotImplementedError

    @abstractmethod
    def probabilities(self, z: FloatArray) -> FloatArray:
        """Class probabilities (N, classes) of standardised vectors, by `numbers_`."""

    def fit(
        self,
        X: Data,
        y: Labels | SoftLabels,
        validation: tuple[Data, Labels] | None = None,
        on_epoch: Callable[[], None] = unreported,
    ) -> Self:
        """Fit on utterances X with labels y, or with shares, to which the cross-entropy then is.

        A validation part is not needed and not used.

        Raises:
            ParamsError: a param is not what it must be.
            ValueError: X or y cannot be taken, a feature is undefined, or there is one class only.
        """
        view, labels = self.training_data(X, y)
        if isinstance(y, SoftLabels):
            self.classes_, shares = y.present()
            self.check_classes()
            self.learn_shares(view, shares)
        else:
            self.classes_, codes = np.unique(labels, return_inverse=True)
            self.check_classes()
            self.learn(view, codes.astype(np.int64))
        self._check_learned()
        return self

    def _check_learned(self) -> None:
        """Refuse now what `load` would, after an export, take for a stranger's file."""
        try:
            self.check_numbers(self.numbers_, len(self.numbers_["mean"]), len(self.classes_))
        except ValueError as error:
            raise TypeError(f"{type(self).__name__}: what it learned is not what its shapes say: {error}") from error

    def predict_proba(self, X: Data) -> FloatArray:
        """Class probabilities (N, classes).

        Raises:
            ValueError: X cannot be taken, or its features are of other dimensions than those fitted on.
        """
        return self.probabilities(self.standardised(X))

    def load(self, path: Path, X: Data, classes: Sequence[str]) -> Self:
        """Read numbers that `save` wrote; returns the fitted classifier.

        Raises:
            ValueError: they are not those of this system, for features as those of X and these classes.
        """
        self.classes_ = np.array(classes, dtype=str)
        self.load_numbers(path, X, len(classes))
        return self


__all__ = ["Classical", "FloatArray", "Numbers", "softmax"]
