"""Fusions fitted as their params say, and read again from the numbers that fitting left."""

from pipeline.config.fusions import FusionParams
from pipeline.experiments.combiner import Combiner, Examples, Layout, Numbers
from pipeline.experiments.fusion_methods import Average, Gated, Linear, gated, logistic_regression, weighted_average
from pipeline.experiments.stacking import Stacked, stacked

COMBINERS: dict[str, type[Combiner]] = {
    "logistic_regression": Linear,
    "weighted_average": Average,
    "gated": Gated,
    "stacking": Stacked,
}
"""method -> what it leaves"""


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
    branches, y = examples.branches, examples.y
    if params.method == "stacking":
        return stacked(params, examples, seed)
    if params.method == "gated":
        return gated(branches, y, params.c, params.gate_units, seed)
    if params.method == "weighted_average":
        return weighted_average(branches, y)
    if validation is not None:
        from pipeline.experiments.adam import adam

        return adam(params, examples, validation, seed)
    return logistic_regression(branches, y, params.c)


def restored(params: FusionParams, numbers: Numbers, layout: Layout) -> Combiner:
    """The combiner that had these numbers.

    Raises:
        ValueError: they are not such a combiner's.
    """
    return COMBINERS[params.method].from_numbers(numbers, layout, params)
