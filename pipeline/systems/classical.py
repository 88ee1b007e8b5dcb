"""What the classical systems share: one vector an utterance, standardised, and a model that is a few arrays."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.systems.arrays import Data, Labels, as_view
from pipeline.systems.functionals import vectors
from pipeline.systems.normalisation import GROUPS
from pipeline.systems.system import System, unreported
from pipeline.systems.view import View

FloatArray = NDArray[np.float64]
Numbers = dict[str, FloatArray]
"""a fitted model: name -> array"""


class Classical(System):
    """A classifier over a `View` whose fitted model is a few arrays; scikit-learn fits it, and nothing is pickled.

    Subclasses set `name`, `roles` and `Params`, and give `train`, `shapes` and `probabilities`. The device is of no use
    here.
    """

    uses_validation = False

    @abstractmethod
    def train(self, z: FloatArray, codes: NDArray[np.int64], X: View) -> Numbers:
        """Fit to standardised vectors z (N, dims) of the utterances X, of the classes `codes` (N,)."""

    @abstractmethod
    def probabilities(self, z: FloatArray) -> FloatArray:
        """Class probabilities (N, classes) of standardised vectors, by `numbers_`."""

    @abstractmethod
    def shapes(self, dims: int, classes: int) -> dict[str, tuple[int | None, ...]]:
        """Of the arrays that `train` gives; None for any length."""

    def fit(
        self,
        X: Data,
        y: Labels,
        validation: tuple[Data, Labels] | None = None,
        on_epoch: Callable[[], None] = unreported,
    ) -> Self:
        """Fit on utterances X with labels y; a validation part is not needed and not used.

        Raises:
            ParamsError: a param is not what it must be.
            ValueError: X or y cannot be taken, a feature is undefined, or there is one class only.
        """
        X, labels = self.training_data(X, y)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError(f"the training part has one class only, {str(self.classes_[0])!r}; choose another protocol")
        table = self.table(X)
        scale = table.std(axis=0)
        scale[scale <= 1e-8] = 1
        self.numbers_: Numbers = {"mean": table.mean(axis=0), "scale": scale}
        found = self.train(self._standardised(table), codes.astype(np.int64), X)
        # As they will be when loaded: the layout of an array decides how a product is rounded.
        self.numbers_ |= {name: np.ascontiguousarray(value) for name, value in found.items()}
        return self

    def table(self, X: View) -> FloatArray:
        """The utterances as vectors (N, dims), each speaker's or corpus's standardised where asked for."""
        table, kind = self.described(X), GROUPS.get(self.settings().normalisation)
        if kind is None:
            return table
        groups, whole = np.array(X.groups(kind)), X.whole()
        everything, owners = self.described(whole), np.array(whole.groups(kind))
        found = np.empty_like(table)
        for group in np.unique(groups):
            own = everything[owners == group]
            std = own.std(axis=0)
            found[groups == group] = (table[groups == group] - own.mean(axis=0)) / np.where(std > 1e-8, std, 1)
        return found

    def described(self, X: View) -> FloatArray:
        """The utterances as they are given to it, (N, dims): functionals of all features."""
        return vectors(X)

    def predict_proba(self, X: Data) -> FloatArray:
        """Class probabilities (N, classes).

        Raises:
            ValueError: X cannot be taken, or its features are of other dimensions than those fitted on.
        """
        table = self.table(self.data(X))
        if table.shape[1] != len(self.numbers_["mean"]):
            raise DataError(
                f"the model takes vectors of {len(self.numbers_['mean'])} dimensions, these features give "
                f"{table.shape[1]}; use the features it was trained on"
            )
        return self.probabilities(self._standardised(table))

    def parameter_count(self) -> int:
        """Number of fitted coefficients."""
        return sum(value.size for name, value in self.numbers_.items() if name not in ("mean", "scale"))

    def operations(self, X: Data) -> float:
        """A multiplication and an addition for each coefficient and utterance; the vectors' own making is left out."""
        return 2.0 * self.parameter_count() * len(X)

    def save(self, path: Path) -> None:
        """Write the fitted numbers to `path` as safetensors."""
        from safetensors.numpy import save

        from pipeline.atomic import atomic_path

        with atomic_path(path) as temporary:
            temporary.write_bytes(save(self.numbers_))

    def load(self, path: Path, X: Data, classes: Sequence[str]) -> Self:
        """Read numbers that `save` wrote; returns the fitted classifier.

        Raises:
            ValueError: they are not those of this system, for features as those of X and these classes.
        """
        from safetensors.numpy import load_file

        self.classes_ = np.array(classes, dtype=str)
        numbers, dims = load_file(path), self.described(as_view(self, X)).shape[1]
        _check(numbers, {"mean": (dims,), "scale": (dims,)} | self.shapes(dims, len(classes)))
        self.numbers_ = numbers
        return self

    def _standardised(self, table: FloatArray) -> FloatArray:
        return np.asarray((table - self.numbers_["mean"]) / self.numbers_["scale"])


def _check(numbers: Numbers, shapes: Mapping[str, tuple[int | None, ...]]) -> None:
    """Refuse arrays of other names, types or shapes, or a scale to divide by that is none."""
    for name in sorted({*numbers} ^ {*shapes}):
        raise ValueError(f"{name} is {'missing' if name in shapes else 'unknown'}")
    for name, shape in shapes.items():
        array = numbers[name]
        if array.dtype != np.float64 or array.ndim != len(shape):
            raise ValueError(f"{name} is {array.dtype} of {array.ndim} dimensions")
        if any(wanted not in (None, length) for wanted, length in zip(shape, array.shape, strict=True)):
            raise ValueError(f"{name} has the shape {array.shape} and not {shape}; the features differ from training")
    if not (numbers["scale"] > 0).all():
        raise ValueError("scale has numbers that are not above 0")


def softmax(logits: FloatArray) -> FloatArray:
    """Softmax over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
