"""What estimators of one vector an utterance share: its standardisation, and a model that is a few arrays."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.systems.arrays import Data, as_view
from pipeline.systems.estimator import Estimator
from pipeline.systems.functionals import vectors
from pipeline.systems.normalisation import GROUPS
from pipeline.systems.view import View

FloatArray = NDArray[np.float64]
Numbers = dict[str, FloatArray]
"""a fitted model: name -> array"""


class VectorEstimator(Estimator):
    """An estimator whose fitted model is a few arrays, `numbers_`, of vectors standardised by the training part.

    Subclasses set `name`, `roles` and `Params`, and give `shapes`. The device is of no use here.
    """

    uses_validation = False

    @abstractmethod
    def shapes(self, dims: int, outputs: int) -> dict[str, tuple[int | None, ...]]:
        """Of the arrays that are fitted; None for any length."""

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

    def standardised(self, X: Data) -> FloatArray:
        """The vectors (N, dims), as the model takes them.

        Raises:
            ValueError: X cannot be taken, or its features are of other dimensions than those fitted on.
        """
        table = self.table(self.data(X))
        if table.shape[1] != len(self.numbers_["mean"]):
            raise DataError(
                f"the model takes vectors of {len(self.numbers_['mean'])} dimensions, these features give "
                f"{table.shape[1]}; use the features it was trained on"
            )
        return self._standardised(table)

    def keep_scale(self, table: FloatArray) -> FloatArray:
        """Set `numbers_` to mean and deviation of a training part's vectors (N, dims); returns them standardised."""
        scale = table.std(axis=0)
        scale[scale <= 1e-8] = 1
        self.numbers_: Numbers = {"mean": table.mean(axis=0), "scale": scale}
        return self._standardised(table)

    def keep(self, numbers: Numbers) -> None:
        """Add fitted arrays, as they will be when loaded: the layout of one decides how a product is rounded."""
        self.numbers_ |= {name: np.ascontiguousarray(value) for name, value in numbers.items()}

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

    def load_numbers(self, path: Path, X: Data, outputs: int) -> None:
        """Set `numbers_` to what `save` wrote.

        Raises:
            ValueError: they are not those of this system, for features as those of X and so many outputs.
        """
        from safetensors.numpy import load_file

        numbers, dims = load_file(path), self.described(as_view(self, X)).shape[1]
        self.check_numbers(numbers, dims, outputs)
        self.numbers_ = numbers

    def check_numbers(self, numbers: Numbers, dims: int, outputs: int) -> None:
        """Hold arrays to `shapes`, for vectors of so many dimensions and so many outputs.

        Raises:
            ValueError: they are of other names, types or shapes.
        """
        _check(numbers, {"mean": (dims,), "scale": (dims,)} | self.shapes(dims, outputs))

    def _standardised(self, table: FloatArray) -> FloatArray:
        return np.asarray((table - self.numbers_["mean"]) / self.numbers_["scale"])


def _check(numbers: Numbers, shapes: Mapping[str, tuple[int | None, ...]]) -> None:
    """Refuse arrays of other names, types or shapes, or a scale to divide by that is none."""
    for name in sorted({*numbers} ^ {*shapes}):
        raise ValueError(f"{name} is {'missing' if name in shapes else 'unknown'}")
    for name, shape in shapes.items():
        array = numbers[name]
        if array.dtype != np.float64 or array.ndim != len(shape):
            held = f"{name} is {array.dtype} of {array.ndim} dimensions"
            raise ValueError(f"{held}, and not float64 of {len(shape)}")
        if any(wanted not in (None, length) for wanted, length in zip(shape, array.shape, strict=True)):
            raise ValueError(f"{name} has the shape {array.shape} and not {shape}; the features differ from training")
    if not (numbers["scale"] > 0).all():
        raise ValueError("scale has numbers that are not above 0")
