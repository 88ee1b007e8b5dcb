"""What the probe and its regressor share: vectors of hidden states, of the layers that are chosen among or named."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import DataError
from pipeline.systems.arrays import Data
from pipeline.systems.functionals import FloatArray, vectors
from pipeline.systems.layer_columns import (
    NO_STATES,
    Columns,
    Layers,
    chosen_columns,
    columns_among,
    every_layer,
    layer_columns,
    named_layers,
)
from pipeline.systems.vector_estimator import VectorEstimator
from pipeline.systems.view import View


class LayerReader(VectorEstimator):
    """An estimator of vectors of some layers, whose params have `layers`, and whose model their numbers as an array.

    Subclasses are given it before what they are else, as it takes part in `load_numbers` and `parameter_count`.
    """

    layers_: Layers
    """the layers that are read; all, where they are not chosen"""

    def described(self, X: View) -> FloatArray:
        """The vectors of the layers that are read and of the other features, (N, dims)."""
        return chosen_columns(vectors(X), layer_columns(X, self.layers_))

    def candidates(self, X: View) -> dict[Layers, Columns]:
        """What may be chosen: layers -> their columns in the table of all layers, those of other features too."""
        wanted, every = self.settings().layers, every_layer(X)
        if wanted != "all" and not every:
            raise DataError(f"layers: {wanted} {NO_STATES}")
        if wanted == "each":
            return {(layer,): columns_among(X, every, (layer,)) for layer in every}
        layers = named_layers(wanted) or every
        return {layers: columns_among(X, every, layers)}

    def parameter_count(self) -> int:
        """Number of fitted coefficients, among which the layers' numbers are not."""
        return super().parameter_count() - len(self.numbers_["layers"])

    def load_numbers(self, path: Path, X: Data, outputs: int) -> None:
        """Set `layers_` and `numbers_` to what `save` wrote.

        Raises:
            ValueError: they are not those of this system, for features as those of X and so many outputs.
            UserError: the features lack a layer.
        """
        from safetensors.numpy import load_file

        layers = load_file(path)["layers"]
        if layers.ndim != 1 or not (layers == layers.round()).all():
            raise ValueError("layers are no numbers of layers")
        self.layers_ = tuple(int(layer) for layer in layers)
        super().load_numbers(path, X, outputs)


def check_strengths(strengths: Sequence[float]) -> None:
    """Refuse a grid of strengths that does not ascend, or has one that is not above 0.

    Raises:
        ValueError: it does.
    """
    if min(strengths) <= 0 or list(strengths) != sorted(set(strengths)):
        raise ValueError(f"must ascend, above 0, each once; it is {list(strengths)}")
