"""What the neural systems share: a scikit-learn classifier whose training loop is skorch's."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from pipeline.errors import DataError, UserError
from pipeline.systems import CURVE
from pipeline.systems.arrays import Data, Labels, as_labels, as_view
from pipeline.systems.estimator import unreported
from pipeline.systems.layers.cross_entropy import CrossEntropy
from pipeline.systems.layers.standardize import Standardize
from pipeline.systems.networks import NetworkEstimator
from pipeline.systems.soft_labels import SoftLabels
from pipeline.systems.system import System
from pipeline.systems.training.batches import Batches, Fixed, Inputs, Ragged
from pipeline.systems.training.loop import Loop, make_loop
from pipeline.systems.training.params import TrainingParams
from pipeline.systems.training.tuning import ALL


class NeuralSystem(NetworkEstimator, System):
    """A neural classifier over a `View`; see `NetworkEstimator` for what subclasses give."""

    curve: ClassVar[Sequence[str]] = CURVE
    tunes: ClassVar[bool] = True
    takes_votes = True

    def loss(self, weight: Tensor | None, label_smoothing: float) -> nn.Module:
        """The criterion of logits (batch, classes) and class numbers (batch,), or shares (batch, classes)."""
        return CrossEntropy(weight, label_smoothing)

    def fit(
        self,
        X: Data,
        y: Labels | SoftLabels,
        validation: tuple[Data, Labels] | None = None,
        on_epoch: Callable[[], None] = unreported,
    ) -> Self:
        """Train on utterances X with labels y; `validation` picks the epoch kept, unless `stop` is false.

        With shares in the place of labels, the loss is the cross-entropy to these; the validation part has labels.

        Raises:
            ParamsError: a param is not what it must be.
            ValueError: X or y cannot be taken, or there is one class only.
            UserError: early stopping is asked for and there is no validation part, or the loss became no number.
        """
        X, labels = self.training_data(X, y)
        self.check_training(validation is not None)
        if isinstance(y, SoftLabels):
            self.classes_, shares = y.present()
            self.check_classes()
            train = self._batches(X, shares.astype(np.float32))
        else:
            self.classes_ = np.unique(labels)
            self.check_classes()
            codes = self._codes(labels)
            train, shares = self._batches(X, codes), np.eye(len(self.classes_))[codes]
        held_out = None if validation is None else self._validation_part(*validation)
        criterion = self.loss(self._weights(shares), self.settings().label_smoothing)
        self.train_networks(lambda: self.network(X, len(self.classes_)), criterion, train, held_out, on_epoch)
        return self

    def tune(self, X: Data, y: Labels | SoftLabels, part: str = ALL, on_epoch: Callable[[], None] = unreported) -> Self:
        """Go on training the networks, each from its weights, with an optimiser of its own; see `System`.

        With shares in the place of labels, the loss is the cross-entropy to these.

        Raises:
            ParamsError: a param is not what it must be.
            ValueError: X or y cannot be taken.
            UserError: the network has no such part, or the loss became no number.
        """
        check_is_fitted(self)
        X, labels = self.training_data(X, y)
        if isinstance(y, SoftLabels):
            shares = self._shares(y)
            train = self._batches(X, shares.astype(np.float32))
        else:
            codes = self._codes(labels, "tuned on")
            train, shares = self._batches(X, codes), np.eye(len(self.classes_))[codes]
        criterion = self.loss(self._weights(shares), self.settings().label_smoothing)
        self.tune_networks(part, criterion, train, on_epoch)
        return self

    def loop(
        self,
        network: nn.Module,
        criterion: nn.Module,
        seed: int,
        train: Batches | None = None,
        held_out: Batches | None = None,
        on_epoch: Callable[[], None] = unreported,
        still: Sequence[nn.Module] = (),
    ) -> Loop:
        """What trains a network of classes."""
        classes, settings = len(self.classes_), self.settings()
        return make_loop(network, criterion, settings, classes, seed, self.device, train, held_out, on_epoch, still)

    def predict_proba(self, X: Data) -> NDArray[np.float64]:
        """Class probabilities (N, classes), the mean over seeds.

        Raises:
            ValueError: X cannot be taken.
            UserError: training ended with weights that are no numbers.
        """
        found = self.outputs(self.data(X))
        if not np.isfinite(found).all():
            raise UserError("the probabilities are no numbers; lower learning_rate or set clip_norm")
        return found / found.sum(axis=1, keepdims=True)

    def load(self, path: Path, X: Data, classes: Sequence[str]) -> Self:
        """Read what `save` wrote, for features as those of X; returns the trained classifier.

        Raises:
            UserError: it is of another system, of other params, or on another pretrained model.
            ValueError: a standard deviation to divide by is none, or the params ask for a much larger network.
        """
        X = as_view(self, X, fitting=True)
        self.classes_ = np.array(classes, dtype=str)
        self.load_networks(path, lambda: self.network(X, len(self.classes_)), self.loss(None, 0.0))
        return self

    def _weights(self, shares: NDArray[np.float64]) -> Tensor | None:
        if self.settings().class_weights == "none":
            return None
        counts = shares.sum(axis=0)
        return torch.from_numpy(len(shares) / (len(self.classes_) * np.where(counts > 0, counts, 1))).float()

    def _validation_part(self, X: Data, y: Labels) -> Batches:
        view = self.data(X)
        return self._batches(view, self._codes(as_labels(view, y)))

    def _shares(self, y: SoftLabels) -> NDArray[np.float64]:
        """Shares (N, classes) of the classes trained on."""
        present, shares = y.present()
        table = np.zeros((len(shares), len(self.classes_)))
        table[:, self._codes(present, "tuned on")] = shares
        return table

    def _codes(self, y: Labels, use: str = "validated on") -> NDArray[np.int64]:
        labels = np.asarray(y)
        unknown = {*labels.tolist()} - {*self.classes_.tolist()}
        if unknown:
            raise DataError(f"emotion {str(min(unknown))!r} is {use} but not trained on")
        return np.searchsorted(self.classes_, labels).astype(np.int64)


__all__ = ["Batches", "Fixed", "Inputs", "NeuralSystem", "Ragged", "Standardize", "TrainingParams"]
