"""What every system is: a scikit-learn classifier over a `View`."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from pipeline.systems.normalisation import SystemParams
from pipeline.systems.view import View


class System(ClassifierMixin, BaseEstimator):
    """A classifier; subclasses set `name`, `roles`, `optional` and `Params`.

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
    classes_: NDArray[np.str_]
    """sorted"""

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
        """Train on utterances X with labels y; `validation` picks the epoch kept, where there are epochs."""

    @abstractmethod
    def predict_proba(self, X: View) -> NDArray[np.float64]:
        """Class probabilities (N, classes)."""

    def predict(self, X: View) -> NDArray[np.str_]:
        """Class labels (N,)."""
        found: NDArray[np.str_] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return found
