"""The tables of an evaluation, in metrics/, and the mistakes, in data/mistakes/."""

from collections.abc import Mapping, Sequence

from pipeline import paths
from pipeline.config.params import Params
from pipeline.corpora.manifest import Row
from pipeline.evaluation.comparison import compare, write_comparisons
from pipeline.evaluation.conditions import write_conditions
from pipeline.evaluation.dimensions import value_figures, write_values
from pipeline.evaluation.evaluation import Results, write_details, write_scores
from pipeline.evaluation.layers import write_layers
from pipeline.evaluation.mistakes import write_mistakes
from pipeline.evaluation.transfer_matrix import transfer_matrices, write_transfers
from pipeline.evaluation.value_matrix import value_matrices, write_value_transfers
from pipeline.evaluation.weights import copy_weights
from pipeline.experiments.predictions import Predictions
from pipeline.experiments.values import Values


def write_tables(
    params: Params,
    results: Results,
    predictions: Mapping[str, Predictions],
    rows: Sequence[Row],
    layers: Mapping[str, Sequence[Sequence[str]]],
    numbers: Results,
    values: Mapping[str, Values],
) -> None:
    """Write all tables of the project in the working folder.

    Args:
        params: of the project.
        results: of each experiment, transfer and fusion, see `evaluation.score`.
        predictions: what was scored.
        rows: the manifest rows of all their corpora.
        layers: rows of `evaluation.layers`, of those that have any.
        numbers: results of what predicts numbers, see `evaluate_values`.
        values: what was scored of those.
    """
    write_scores(results, paths.SCORES, value_figures(numbers))
    write_details({**results, **numbers}, predictions, paths.METRICS, values)
    write_values(numbers, values, params.scoring, params.seed, paths.METRICS)
    write_comparisons(compare(predictions, params.scoring, params.seed), paths.METRICS / "comparisons.csv")
    write_conditions(results, paths.METRICS / "conditions.csv")
    write_layers(layers, paths.METRICS / "layers")
    write_transfers(transfer_matrices(predictions, results), paths.METRICS / "transfers.csv")
    write_value_transfers(value_matrices(values, numbers), paths.METRICS / "dimension_transfers.csv")
    copy_weights(params.fusions, paths.METRICS / "weights")
    write_mistakes(predictions, rows, paths.MISTAKES)
