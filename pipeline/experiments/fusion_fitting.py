"""Fusions fitted as their params say, and read again from the numbers that fitting left."""

from collections.abc import Callable

from pipeline.config.fusions import FusionParams
from pipeline.experiments.combiner import Combiner, Examples, Layout, Numbers
from pipeline.experiments.fusion_methods import Average, Gated, Linear, gated, logistic_regression, weighted_average
from pipeline.experiments.stacking import Stacked, stacked

Fit = Callable[[FusionParams, Examples, int, Examples | None], Combiner]
"""`fit`, of one method"""


def _logistic(params: FusionParams, examples: Examples, seed: int, validation: Examples | None) -> Combiner:
    if validation is None:
        return logistic_regression(examples.branches, examples.y, params.c)
    from pipeline.experiments.adam import adam

    return adam(params, examples, validation, seed)


def _average(params: FusionParams, examples: Examples, seed: int, validation: Examples | None) -> Combiner:
    return weighted_average(examples.branches, examples.y)


def _gated(params: FusionParams, examples: Examples, seed: int, validation: Examples | None) -> Combiner:
    return gated(examples.branches, examples.y, params.c, params.gate_units, seed)


def _stacked(params: FusionParams, examples: Examples, seed: int, validation: Examples | None) -> Combiner:
    return stacked(params, examples, seed)


METHODS: dict[str, tuple[type[Combiner], Fit]] = {
    "logistic_regression": (Linear, _logistic),
    "weighted_average": (Average, _average),
    "gated": (Gated, _gated),
    "stacking": (Stacked, _stacked),
}
"""method -> what it leaves, and how that is fitted"""


def fit(params: FusionParams, examples: Examples, seed: int = 0, validation: Examples | None = None) -> Combiner:
    """Fit the fusion that `params.method` names.

    Args:
        params: method and options.
        examples: what is fitted to.
        seed: of whatever is drawn.
        validation: what adam's epoch is chosen by; of no use to others.

    Raises:
        UserError: a stacked classifier refuses its params or the examples.
    """
    return METHODS[params.method][1](params, examples, seed, validation)


def restored(params: FusionParams, numbers: Numbers, layout: Layout) -> Combiner:
    """The combiner that had these numbers.

    Raises:
        ValueError: they are not such a combiner's.
    """
    return METHODS[params.method][0].from_numbers(numbers, layout, params)
