"""Score every experiment and fusion, after a last check that nothing leaked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.atomic import atomic_path
from pipeline.config.scoring import ScoringParams
from pipeline.corpora.manifest import Row
from pipeline.evaluation.bootstrap import times_tested, units_of
from pipeline.evaluation.calibration import RELIABILITY, calibration, reliability_rows
from pipeline.evaluation.choices import choice_table
from pipeline.evaluation.conditions import condition_scores
from pipeline.evaluation.cost import COST_COLUMNS, cost_rows
from pipeline.evaluation.groups import COLUMNS as GROUP_COLUMNS
from pipeline.evaluation.groups import group_rows, group_scores
from pipeline.evaluation.json_text import json_text
from pipeline.evaluation.leaks import check_leaks
from pipeline.evaluation.origin import check_origin
from pipeline.evaluation.repeats import over_seeds, over_splits
from pipeline.evaluation.scores import Labels, class_scores, confusion, intervals, scores
from pipeline.evaluation.training_cost import training_cost, training_costs
from pipeline.evaluation.votes import vote_scores
from pipeline.experiments.joint_corpora import by_corpus, rows_of
from pipeline.experiments.parts import Parts
from pipeline.experiments.predictions import Predictions, write_csv
from pipeline.storage.json_file import write_json
from pipeline.systems import CURVE

DIGITS = 4
"""decimals of what goes into git; far below any confidence interval"""

Results = dict[str, dict[str, Any]]
"""experiment or fusion -> what `score` says of it"""


def score(found: Predictions, speakers: Mapping[str, str], params: ScoringParams, seed: int) -> dict[str, Any]:
    """Scores of the pooled test parts, with intervals, spread over folds, every class, and the validation parts.

    Validation scores are there where an experiment has a validation part; papers report them beside the test's. Where
    selection saw it, the choice of an epoch or a fusion's fit, they are no estimate for other speech.
    """
    tested = found.where("test")
    y, predicted = found.labels(tested), found.probabilities(tested).argmax(axis=1)
    counts = confusion(y, predicted, len(found.classes))
    result: dict[str, Any] = _part_scores(found, "test")
    keys = [found.keys[i] for i in tested]
    result["interval"] = intervals(
        y, predicted, units_of(keys, [speakers[key] for key in keys]), params, seed, times_tested(keys)
    )
    spreads = {"over_splits": over_splits(found), "over_seeds": over_seeds(found)}
    result |= {name: spread for name, spread in spreads.items() if spread}
    result["classes"] = class_scores(counts, found.classes)
    result["confusion"] = counts.tolist()
    result["calibration"] = calibration(y, found.probabilities(tested))
    if len(found.where("validation")):
        result["validation"] = {
            "seen_by_selection": found.card.get("selected_on_validation", False),
            **_part_scores(found, "validation"),
        }
    result["speaker_dependent"] = found.card["speaker_dependent"]
    if "listed" in found.card:
        result["listed"] = found.card["listed"]
    return rounded(result)


def _part_scores(found: Predictions, part: str) -> dict[str, Any]:
    """Scores of a part, pooled, and their mean and standard deviation (N - 1) over the folds that have it."""
    pooled, *folds = (found.where(part, number) for number in (None, *range(len(found.folds))))
    each = [_scores_of(found, rows) for rows in folds if len(rows)]
    columns = {name: [one[name] for one in each] for name in each[0]}
    result: dict[str, Any] = {"scores": _scores_of(found, pooled)}
    result["mean_over_folds"] = {name: float(np.mean(values)) for name, values in columns.items()}
    if len(each) > 1:
        result["std_over_folds"] = {name: float(np.std(values, ddof=1)) for name, values in columns.items()}
    return {**result, "utterances": len(pooled), "folds": len(each)}


def _scores_of(found: Predictions, rows: Labels) -> dict[str, float]:
    return scores(found.labels(rows), found.probabilities(rows).argmax(axis=1))


def rounded(value: Any) -> Any:
    """All figures in a result, to so many decimals as go into git."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def evaluate(
    predictions: Mapping[str, Predictions],
    rows: Sequence[Row],
    params: ScoringParams,
    seed: int,
    tested: Mapping[str, Predictions] | None = None,
) -> Results:
    """Check all predictions, and score them.

    Args:
        predictions: of each experiment and fusion, in the order of the tables.
        rows: the manifest rows of all their corpora.
        params: how to score.
        seed: of the bootstrap.
        tested: of the experiments that were tested under other conditions, their predictions there.

    Raises:
        UserError: something leaked, or predictions are of other recordings, labels or speakers than the manifests.
    """
    corpora = by_corpus(rows)
    for name, one in predictions.items():
        own = rows_of(one.card, corpora)
        check_origin(name, one, own)
        check_leaks(name, one, own)
    results = {name: _scored(one, rows_of(one.card, corpora), params, seed) for name, one in predictions.items()}
    for name, one in (tested or {}).items():
        results[name]["conditions"] = rounded(condition_scores(name, predictions[name], one, params, seed))
    return results


def _scored(found: Predictions, rows: Sequence[Row], params: ScoringParams, seed: int) -> dict[str, Any]:
    speakers = {row.key: row.speaker for row in rows}
    votes = rounded(vote_scores(found, {row.key: row for row in rows}))
    others = votes | rounded(group_scores(found, rows, params, seed)) | training_cost(found, rows)
    return score(found, speakers, params, seed) | others


def write_scores(results: Results, path: Path, others: Mapping[str, Mapping[str, float]] | None = None) -> None:
    """Write what people compare, a few figures an experiment: UA, its interval, WA and macro-F1; then `others`."""
    table = {
        name: {
            "UA": row["scores"]["UA"],
            "UA_low": row["interval"]["UA"][0],
            "UA_high": row["interval"]["UA"][1],
            "WA": row["scores"]["WA"],
            "macro_F1": row["scores"]["macro_F1"],
        }
        for name, row in results.items()
    }
    write_json(path, {**table, **(others or {})})


def write_details(
    results: Results, predictions: Mapping[str, Predictions], out: Path, others: Mapping[str, Parts] | None = None
) -> None:
    """Write to the folder `out` all else: a file of each for every table, and what all cost, `others` too."""
    for name, one in predictions.items():
        with atomic_path(out / "details" / f"{name}.json") as temporary:
            temporary.write_text(f"{json_text(results[name])}\n", encoding="utf-8", newline="\n")
        matrix = zip(one.classes, results[name]["confusion"], strict=True)
        counts = ([emotion, *map(str, row)] for emotion, row in matrix)
        write_csv(out / "confusion" / f"{name}.csv", ["actual", *one.classes], counts)
        write_csv(out / "groups" / f"{name}.csv", GROUP_COLUMNS, group_rows(results[name]["groups"]))
        bins = results[name]["calibration"]["bins"]
        write_csv(out / "calibration" / f"{name}.csv", RELIABILITY, reliability_rows(bins))
        if one.curves:
            write_csv(out / "curves" / f"{name}.csv", ["fold", *CURVE], _curve(one))
        if one.choices:
            write_csv(out / "choices" / f"{name}.csv", *choice_table(one))
    everything: dict[str, Parts] = {**predictions, **(others or {})}
    cards = {name: one.card for name, one in everything.items()}
    write_csv(out / "cost.csv", COST_COLUMNS, cost_rows(cards, training_costs(cards, results)))


def _curve(predictions: Predictions) -> list[list[str]]:
    return [
        [*(str(int(row[name])) for name in ("fold", "epoch")), *(_decimals(row.get(name)) for name in CURVE[1:])]
        for row in predictions.curves
    ]


def _decimals(value: float | None) -> str:
    return "" if value is None else f"{value:.{DIGITS}f}"
