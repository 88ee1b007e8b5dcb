"""What the probe chooses for some layers, and fits to them."""

from dataclasses import dataclass, field

import numpy as np

from pipeline.systems.classical import FloatArray, Numbers, softmax
from pipeline.systems.layer_columns import Columns, Layers
from pipeline.systems.probe_heads import scores


@dataclass(frozen=True)
class Choice:
    """What inner folds choose for some layers.

    Attributes:
        score: the highest mean over the folds of balanced accuracy.
        strength: which has it.
        factor: of the scores, where they need one to be probabilities.
        held_out: log-probabilities (N, classes) of what the folds left out, in their order; none without folds.
    """

    score: float
    strength: float
    factor: float = 1.0
    held_out: FloatArray = field(default_factory=lambda: np.empty((0, 0)))


@dataclass(frozen=True)
class Fitted:
    """What was fitted to some columns of a table, standardised."""

    columns: Columns
    mean: FloatArray
    scale: FloatArray
    numbers: Numbers

    def scores(self, table: FloatArray) -> FloatArray:
        """Logits (N, classes) of the whole table (N, dims)."""
        return scores((table[:, self.columns] - self.mean) / self.scale, self.numbers)

    def probabilities(self, table: FloatArray) -> FloatArray:
        """Of the whole table (N, dims): (N, classes)."""
        return softmax(self.scores(table))


FittedLayers = dict[Layers, Fitted]
"""the layers -> what was fitted to them"""
