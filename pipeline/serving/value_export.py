"""What an export of models of numbers is worth, for its `model.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.config.params import Params
from pipeline.corpora.manifest import Row
from pipeline.evaluation.dimensions import error_intervals, value_scores
from pipeline.experiments.targets import target_values
from pipeline.experiments.values import Values
from pipeline.serving.export_card import Figure
from pipeline.serving.value_export_card import FORMAT, Error, Target, ValueExportCard


def value_card(facts: Mapping[str, Any], values: Values, trained_on: Sequence[Row], params: Params) -> ValueExportCard:
    """The card of an export of models of numbers.

    Args:
        facts: what all exports say, the fields of `ExportFacts`.
        values: the cross-validation's.
        trained_on: the recordings that any fold was trained or chosen on.
        params: of the project.
    """
    known = value_scores(values, params.scoring, params.seed)
    return ValueExportCard(
        format=FORMAT,
        task="regression",
        targets=_targets(known["targets"], values, trained_on, params),
        scores={"CCC": _figure(known["scores"]["CCC"], known["interval"]["CCC"])},
        **facts,
    )


def _targets(
    figures: Mapping[str, Any], values: Values, trained_on: Sequence[Row], params: Params
) -> dict[str, Target]:
    errors = error_intervals(values, params.scoring, params.seed)
    truth = target_values(trained_on, values.targets)
    return {
        name: Target(
            lowest=float(own.min()),
            highest=float(own.max()),
            CCC=_figure(figures[name]["CCC"], figures[name]["interval"]),
            MSE=Error(value=figures[name]["MSE"], low=errors[name][0], high=errors[name][1]),
        )
        for name, own in zip(values.targets, truth.T, strict=True)
    }


def _figure(value: float, interval: Sequence[float]) -> Figure:
    return Figure(value=value, low=interval[0], high=interval[1])
