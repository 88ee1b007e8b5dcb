"""What every system is: a scikit-learn classifier over a `View`. Nothing else is called of one."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from pipeline.systems.normalisation import SystemParams
from pipeline.systems.view import View


class System(ClassifierMixin, BaseEstimator, ABC):
    """A classifier; subclasses set `name`, `roles` or `optional`, and `Params`, and give what is abstract here.

    Args:
        params: a `Params` object; None for its defaults.
        seed: of whatever is drawn.
        device: torch device, for networks; not part of the result.
    """

    Params: ClassVar[type[SystemParams]]
    name: ClassVar[str]
    roles: ClassVar[tuple[str, ...]]
    """the features it must have, of logmel, mfcc, prosody, ssl and waveform"""
    optional: ClassVar[tuple[str, ...]] = ()
    """those it takes where they are given"""
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """role -> extractors that may fill it, where these are others than its namesake"""
    uses_validation: ClassVar[bool] = True
    """whether `fit` makes use of a validation part; where not, those utterances are trained on"""
    classes_: NDArray[np.str_]
    """the emotions trained on, sorted"""
    history_: list[dict[str, float]]
    """a row for each epoch, of what `CURVE` names; validation figures where there is a validation part"""
    seconds_per_epoch_: float = np.nan
    """time (s); NaN where there are no epochs"""

    def __init__(self, params: Any = None, seed: int = 0, device: str = "cpu") -> None:
        self.params = params
        self.seed = seed
        self.device = device

    def settings(self) -> Any:
        """The params, or their defaults."""
        return self.Params() if self.params is None else self.params

    @abstractmethod
    def fit(
        self,
        X: View,
        y: Sequence[str],
        validation: tuple[View, Sequence[str]] | None = None,
        on_epoch: Callable[[], None] = lambda: None,
    ) -> Self:
        """Train on utterances X with labels y, and set `classes_` and `history_`; returns itself.

        Args:
            X: the training part.
            y: its N emotions.
            validation: utterances and emotions that pick the epoch kept, where there are epochs.
            on_epoch: called after each.
        """

    @abstractmethod
    def predict_proba(self, X: View) -> NDArray[np.float64]:
        """Class probabilities (N, classes), in the order of `classes_`."""

    @abstractmethod
    def parameter_count(self) -> int:
        """Number of trained parameters."""

    def frozen_count(self) -> int:
        """Number of parameters that stay as they were pretrained, beside those trained."""
        return 0

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write what was trained to `path` as safetensors."""

    @abstractmethod
    def load(self, path: Path, X: View, classes: Sequence[str]) -> Self:
        """Read what `save` wrote; returns the trained classifier.

        Args:
            path: the file.
            X: a view with features as those trained on, of one utterance at least.
            classes: the `classes_` of the model saved.
        """

    def operations(self, X: View) -> float:
        """Floating-point operations of a prediction for X; NaN where they are not counted."""
        return np.nan

    def predict(self, X: View) -> NDArray[np.str_]:
        """Class labels (N,)."""
        labels: NDArray[np.str_] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return labels
