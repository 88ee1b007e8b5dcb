"""What every regressor is: a scikit-learn regressor over a `View`. Nothing else is called of one."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array

from pipeline.errors import DataError
from pipeline.systems.arrays import Data
from pipeline.systems.estimator import Estimator, unreported
from pipeline.systems.view import View

FloatArray = NDArray[np.float64]

Values = NDArray[Any] | Sequence[Any]
"""Y: (N, targets), or (N,) of one target"""


class Regressor(RegressorMixin, Estimator):
    """A regressor of one target or more, which it standardises by the training part and maps back."""

    tunes: ClassVar[bool] = False
    """whether the training of a trained model goes on by `tune`; where not, a transfer fits it anew"""
    outputs_: int
    """number of targets; set by `fit` and `load`"""
    flat_: bool
    """whether Y was (N,), as predictions are then"""

    @abstractmethod
    def fit(
        self,
        X: Data,
        y: Values,
        validation: tuple[Data, Values] | None = None,
        on_epoch: Callable[[], None] = unreported,
    ) -> Self:
        """Train on utterances X with the numbers y, and set `outputs_` and `history_`; returns itself.

        Args:
            X: the training part.
            y: its numbers, (N, targets), or (N,).
            validation: utterances and numbers that pick the epoch kept, where there are epochs.
            on_epoch: called after each.
        """

    def tune(self, X: Data, y: Values, part: str = "all", on_epoch: Callable[[], None] = unreported) -> Self:
        """Go on training the trained regressor on utterances X with the numbers y; returns itself.

        All statistics of what it was trained on stay, the means and deviations of its targets too, and there is no
        validation part. Where `tunes` is false, it is not called: `fit` is, see `System.tune`.

        Args:
            X: utterances of another corpus.
            y: their numbers, (N, targets), or (N,).
            part: what is trained: all, or fusion (with the head) or head, the rest as in evaluation.
            on_epoch: called after each epoch.
        """
        raise NotImplementedError

    @abstractmethod
    def values(self, X: Data) -> FloatArray:
        """Numbers (N, targets), on the scale of those trained on."""

    @abstractmethod
    def load(self, path: Path, X: Data, outputs: int) -> Self:
        """Read what `save` wrote; returns the trained regressor.

        Args:
            path: the file.
            X: a view with features as those trained on, of one utterance at least.
            outputs: the number of targets.
        """

    def predict(self, X: Data) -> FloatArray:
        """Numbers (N, targets); (N,), where it was fitted to such."""
        values = self.values(X)
        return values[:, 0] if self.flat_ else values

    def training_data(self, X: Data, y: Values) -> tuple[View, FloatArray]:
        """X as a view and y as (N, targets), with all that `fit` was given checked; sets `outputs_`.

        Raises:
            ParamsError: a param is not what it must be.
            ValueError: X or y is nothing that this system can be trained on.
        """
        view, targets = self.numbered(X, y)
        self.outputs_, self.flat_ = targets.shape[1], np.asarray(y).ndim == 1
        return view, targets

    def numbered(self, X: Data, y: Values) -> tuple[View, FloatArray]:
        """The same, and nothing is set."""
        view = self._checked(X)
        return view, as_targets(view, y)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def as_targets(X: View, y: Values) -> FloatArray:
    """The numbers (N, targets) of N utterances.

    Raises:
        ValueError: they are no finite numbers, or not those of one utterance each.
    """
    if y is None:
        raise DataError("a regressor requires y to be passed, but the target y is None")
    values = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
    targets: FloatArray = values.reshape(len(values), -1)
    if len(targets) != len(X):
        raise DataError(f"X has {len(X)} utterances and y has {len(targets)} rows; give one for each")
    return targets


def standard(targets: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and deviation of each target (targets,); 1 for what never varies."""
    scale = targets.std(axis=0)
    return targets.mean(axis=0), np.where(scale > 1e-8, scale, 1.0)
