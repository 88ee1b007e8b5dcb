"""What classifiers and regressors share: scikit-learn estimators over a `View`, whose params are validated."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from pipeline.strict import validate
from pipeline.systems.arrays import Data, as_view
from pipeline.systems.constructor import RunParams, constructor, plain
from pipeline.systems.normalisation import SystemParams
from pipeline.systems.view import View


def unreported() -> None:
    """An epoch's end that nobody waits for; no lambda, so that a trained system can be pickled."""


class Estimator(BaseEstimator, ABC):
    """An estimator; subclasses set `name`, `roles` or `optional`, and `Params`, and give what is abstract here.

    Each field of `Params` is a keyword of the constructor and an attribute, as are `seed` and `device`. X is a `View`,
    or a plain array where the system reads one role, see `pipeline.systems.arrays.as_view`. The stages that train and
    test, fusions, `ser predict` and `ser bench` call and read what has a docstring here, and nothing else.
    """

    Params: ClassVar[type[SystemParams]]
    """names, defaults and descriptions of its params"""
    name: ClassVar[str]
    """the system's name, as in params.yaml"""
    roles: ClassVar[tuple[str, ...]] = ()
    """the features it must have, of logmel, mfcc, opensmile, prosody, ssl and waveform"""
    optional: ClassVar[tuple[str, ...]] = ()
    """those it takes where they are given"""
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """role -> extractors that may fill it, where these are others than its namesake"""
    blocks_of: ClassVar[str] = ""
    """whose blocks its networks may start from: the role that a pretrained model made, or the param that names it"""
    blocks_where: ClassVar[str] = ""
    """the param without which they take none"""
    uses_validation: ClassVar[bool] = True
    """whether `fit` makes use of a validation part; where not, those utterances are trained on"""
    history_: Sequence[Mapping[str, float]] = ()
    """a row for each epoch; validation figures where there is a validation part"""
    seconds_per_epoch_: float = np.nan
    """time (s); NaN where there are no epochs"""
    n_features_in_: int
    """width of a plain array's vectors or frames; not there after a view"""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "Params" in vars(cls) and "__init__" not in vars(cls):
            if hidden := [name for name in cls.Params.model_fields if hasattr(cls, name)]:
                raise TypeError(f"{cls.__name__}: the param {hidden[0]!r} has the name of a method; give it another")
            cls.__init__ = constructor(cls.__name__, cls.Params)  # type: ignore[method-assign]

    def __init__(self, **params: Any) -> None:
        raise TypeError(f"{type(self).__name__} has no Params")

    def settings(self) -> Any:
        """The params as an object of `Params`.

        Raises:
            ParamsError: one is not what it must be; the message names it, its value and what was expected.
        """
        return validate(self.Params, self._given(self.Params), type(self).__name__)

    @abstractmethod
    def parameter_count(self) -> int:
        """Number of trained parameters."""

    def frozen_count(self) -> int:
        """Number of parameters that stay as they were pretrained, beside those trained."""
        return 0

    @abstractmethod
    def save(self, path: Path) -> None:
        """Write what was trained to `path` as safetensors."""

    def operations(self, X: Data) -> float:
        """Floating-point operations of a prediction for X; NaN where they are not counted."""
        return np.nan

    def choices(self) -> Mapping[str, float]:
        """What `fit` chose or learned that a reader of its scores would know, by name; here nothing.

        Of a param that was chosen from a grid, `NAME lowest` and `NAME highest` say the grid's ends.
        """
        return {}

    def stream(self) -> str:
        """The stream that a plain array stands for: `values`, or a layer of hidden states."""
        return "values"

    def data(self, X: Data) -> View:
        """X as a view, for the trained estimator.

        Raises:
            ValueError: X is nothing that it can predict, or it is not trained (`NotFittedError`).
        """
        check_is_fitted(self)
        return as_view(self, X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = not self.roles  # a table of features, which waveforms are not
        tags.input_tags.three_d_array = len(self.roles) == 1 and self.roles != ("waveform",)
        return tags

    def _checked(self, X: Data) -> View:
        """X as a view, for training, with all params checked."""
        self.settings()
        validate(RunParams, self._given(RunParams), type(self).__name__)
        return as_view(self, X, fitting=True)

    def _given(self, params: type[SystemParams] | type[RunParams]) -> dict[str, Any]:
        return plain({name: getattr(self, name) for name in params.model_fields})
