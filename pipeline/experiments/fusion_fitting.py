"""Fusions fitted as their params say, and read again from the numbers that fitting left."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.config.fusions import FusionParams
from pipeline.experiments.combiner import Combiner, Labels, Layout, Numbers, Probabilities
from pipeline.experiments.fusion_methods import (
    Average,
    Gated,
    Linear,
    gated,
    logistic_regression,
    weighted_average,
)

COMBINERS: dict[str, type[Combiner]] = {
    "logistic_regression": Linear,
    "weighted_average": Average,
    "gated": Gated,
}
"""method -> what it leaves"""


@dataclass(frozen=True)
class Examples:
    """What a fusion is fitted to or judged by.

    Attributes:
        branches: probabilities (n, C) of each branch.
        y: labels (n,).
    """

    branches: Sequence[Probabilities]
    y: Labels


def fit(params: FusionParams, examples: Examples, seed: int = 0) -> Combiner:
    """Fit the fusion that `params.method` names."""
    branches, y = examples.branches, examples.y
    if params.method == "logistic_regression":
        return logistic_regression(branches, y, params.c)
    if params.method == "gated":
        return gated(branches, y, params.c, params.gate_units, seed)
    return weighted_average(branches, y)


def restored(params: FusionParams, numbers: Numbers, layout: Layout) -> Combiner:
    """The combiner that had these numbers.

    Raises:
        ValueError: they are not such a combiner's.
    """
    return COMBINERS[params.method].from_numbers(numbers, layout, params)
