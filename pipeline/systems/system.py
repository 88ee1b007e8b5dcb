"""What every system is: a scikit-learn classifier over a `View`. Nothing else is called of one."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from pipeline.errors import DataError
from pipeline.systems.arrays import Data, Labels, as_labels
from pipeline.systems.estimator import Estimator, unreported
from pipeline.systems.soft_labels import SoftLabels
from pipeline.systems.view import View


class System(ClassifierMixin, Estimator):
    """A classifier."""

    tunes: ClassVar[bool] = False
    """whether the training of a trained model goes on by `tune`; where not, a transfer fits it anew"""
    takes_votes: ClassVar[bool] = False
    """whether `fit`, and `tune` where there is one, take `SoftLabels` too"""
    classes_: NDArray[Any]
    """the labels trained on, sorted; set by `fit` and `load`"""

    @abstractmethod
    def fit(
        self,
        X: Data,
        y: Labels | SoftLabels,
        validation: tuple[Data, Labels] | None = None,
        on_epoch: Callable[[], None] = unreported,
    ) -> Self:
        """Train on utterances X with labels y, and set `classes_` and `history_`; returns itself.

        Args:
            X: the training part.
            y: its N emotions.
            validation: utterances and emotions that pick the epoch kept, where there are epochs.
            on_epoch: called after each.
        """

    def tune(
        self, X: Data, y: Labels | SoftLabels, part: str = "all", on_epoch: Callable[[], None] = unreported
    ) -> Self:
        """Go on training the trained classifier on utterances X with labels y; returns itself.

        `classes_` and all statistics of what it was trained on stay, and there is no validation part. Where `tunes` is
        false, it is not called: `fit` is, on what the classifier was fitted to and X together, X as often as makes it
        count as much.

        Args:
            X: utterances of another corpus.
            y: their N emotions, of `classes_`, or shares of these.
            part: what is trained: all, or fusion (with the head) or head, the rest as in evaluation.
            on_epoch: called after each epoch.
        """
        raise NotImplementedError

    @abstractmethod
    def predict_proba(self, X: Data) -> NDArray[np.float64]:
        """Class probabilities (N, classes), in the order of `classes_`."""

    @abstractmethod
    def load(self, path: Path, X: Data, classes: Sequence[str]) -> Self:
        """Read what `save` wrote; returns the trained classifier.

        Args:
            path: the file.
            X: a view with features as those trained on, of one utterance at least.
            classes: the `classes_` of the model saved.
        """

    def check_classes(self) -> None:
        """Refuse `classes_` of one class, of which nothing can be learned.

        Raises:
            DataError: there is one only.
        """
        if len(self.classes_) < 2:
            raise DataError(f"the training part has one class only, {str(self.classes_[0])!r}; choose another protocol")

    def variants(self, X: Data) -> Mapping[str, NDArray[np.float64]]:
        """By each layer that was tried: its number -> probabilities (N, classes); here nothing."""
        return {}

    def chosen_variant(self) -> str:
        """The one of `variants` that the model is; "" where there are none."""
        return ""

    def predict(self, X: Data) -> NDArray[Any]:
        """Class labels (N,)."""
        chosen = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[chosen]
        return labels

    def training_data(self, X: Data, y: Labels | SoftLabels) -> tuple[View, NDArray[Any]]:
        """X as a view and y as labels (N,), with all that `fit` was given checked.

        Raises:
            ParamsError: a param is not what it must be.
            ValueError: X or y is nothing that this system can be trained on.
        """
        view = self._checked(X)
        if isinstance(y, SoftLabels) and not self.takes_votes:
            raise DataError(f"{type(self).__name__} takes labels, and no shares of them")
        return view, as_labels(view, y.labels if isinstance(y, SoftLabels) else y)
