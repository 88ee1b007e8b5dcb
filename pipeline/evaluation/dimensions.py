"""Score what predicts numbers, experiments with targets and transfers of these, after a last check of their origin.

It refuses what leaked, and numbers that are others than the manifest's.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.atomic import atomic_path
from pipeline.audio.keys import source_key
from pipeline.config.scoring import ScoringParams
from pipeline.corpora.manifest import Row
from pipeline.errors import UserError
from pipeline.evaluation.agreement import (
    correlation_difference,
    correlation_interval,
    error_interval,
    moments,
    resampled,
    resampled_moments,
    squared_errors,
)
from pipeline.evaluation.bootstrap import units_of
from pipeline.evaluation.choices import choice_table
from pipeline.evaluation.comparison import holm
from pipeline.evaluation.evaluation import DIGITS, Results, rounded
from pipeline.evaluation.json_text import json_text
from pipeline.evaluation.leaks import check_leaks
from pipeline.evaluation.origin import LISTED
from pipeline.evaluation.training_cost import training_cost
from pipeline.experiments.joint_corpora import by_corpus, corpora_of, rows_of
from pipeline.experiments.predictions import write_csv
from pipeline.experiments.selection import selected
from pipeline.experiments.values import Values
from pipeline.storage.qualified import place_of
from pipeline.systems.regression import VALUE_CURVE
from pipeline.systems.regression.agreement import concordance, pearson, squared_error

COLUMNS = (
    "experiment",
    "corpus",
    "target",
    "n",
    "CCC",
    "CCC_low",
    "CCC_high",
    "Pearson",
    "MSE",
    "fold_mean",
    "fold_std",
)
"""of metrics/dimensions.csv; `fold_mean` and `fold_std` are of CCC"""

DIFFERENCES = ("first", "second", "utterances", "speakers", "CCC_difference", "low", "high", "p", "p_holm")
"""columns of metrics/dimension_differences.csv; p_holm is corrected for all pairs of a test set"""

MEAN = "mean"
"""the row of a table that is the mean over targets"""


def evaluate_values(values: Mapping[str, Values], rows: Sequence[Row], params: ScoringParams, seed: int) -> Results:
    """Check all predicted numbers, and score them.

    Args:
        values: of each experiment with targets, in the order of the tables.
        rows: the manifest rows of all their corpora.
        params: how to score.
        seed: of the bootstrap.

    Raises:
        UserError: something leaked, or numbers are of other recordings, targets or speakers than the manifests.
    """
    own = {name: rows_of(one.card, by_corpus(rows)) for name, one in values.items()}
    for name, one in values.items():
        check_values(name, one, own[name])
    return {
        name: rounded(value_scores(one, params, seed)) | training_cost(one, own[name]) for name, one in values.items()
    }


def check_values(name: str, values: Values, rows: Sequence[Row]) -> None:
    """Refuse predicted numbers of other recordings, targets or speakers than a manifest has, and what leaked.

    Args:
        name: the experiment.
        values: its numbers.
        rows: the manifest's, of its corpora.

    Raises:
        UserError: it is so; the message says what.
    """
    for problem in _problems(values, rows):
        raise UserError(f"{name}: {problem}; run `dvc repro` to bring predictions up to date")
    check_leaks(name, values, rows)


def _problems(found: Values, rows: Sequence[Row]) -> Iterator[str]:
    """In what the numbers differ from those of a manifest."""
    chosen = {row.key: row for row in selected(rows, found.card.get("only")) if {*found.targets} <= {*row.dimensions}}
    used = {source_key(key) for key in found.keys}.union(
        source_key(key) for fold in found.folds for part in fold.values() for key in part
    )
    yield from (f"{key!r} has none of its targets in the manifest" for key in sorted(used - {*chosen}))
    if found.card["protocol"]["scheme"] not in LISTED:
        yield from (f"{key!r} is in the manifest, and in none of its folds" for key in chosen if key not in used)
    for key, speaker, truth in zip(found.keys, found.speakers, found.truth, strict=True):
        row = chosen[source_key(key)]
        if speaker != row.speaker:
            yield f"{key!r} has the speaker {speaker!r} in its predictions, and {row.speaker!r} in the manifest"
        for target, value in zip(found.targets, truth, strict=True):
            if value != row.dimensions[target]:
                own = row.dimensions[target]
                yield f"{key!r} has the {target} {value} in its predictions, and {own} in the manifest"


def value_scores(found: Values, params: ScoringParams, seed: int) -> dict[str, Any]:
    """CCC, Pearson's correlation and MSE of each target and their mean, pooled over the test parts, and by fold.

    The mean over targets is that of their figures; of MSE it is none where targets differ in scale, and so not said.
    """
    tested = found.where("test")
    truth, predicted = found.numbers(tested)
    units = _units(found)
    samples = resampled(moments(predicted, truth, units), params, seed)
    folds = np.array([concordance(*reversed(found.numbers(rows))) for rows in _folds(found)])
    count = len({*units})
    table = {
        target: {
            "CCC": float(samples[0, i]),
            "interval": correlation_interval(float(samples[0, i]), samples[1:, i], count, params.confidence),
            "Pearson": float(pearson(predicted, truth)[i]),
            "MSE": float(squared_error(predicted, truth)[i]),
            **_over_folds(folds[:, i]),
        }
        for i, target in enumerate(found.targets)
    }
    mean = samples.mean(axis=1)
    interval = correlation_interval(float(mean[0]), mean[1:], count, params.confidence)
    return {
        "task": "regression",
        "scores": {"CCC": float(mean[0]), "Pearson": float(pearson(predicted, truth).mean())},
        "interval": {"CCC": interval},
        "targets": table,
        **_over_folds(folds.mean(axis=1)),
        **_corpora(found, params, seed),
        "utterances": len(tested),
        "folds": len(folds),
        "without_targets": found.card.get("without_targets", 0),
        "speaker_dependent": found.card["speaker_dependent"],
    }


def _corpora(found: Values, params: ScoringParams, seed: int) -> dict[str, Any]:
    """CCC of each corpus, of each target and their mean, under `corpora`; nothing where there is one corpus."""
    tested, names = found.where("test"), corpora_of(found.card)
    if len(names) < 2:
        return {}
    own = {name: np.array([i for i in tested if place_of(found.keys[i])[0] == name], np.int64) for name in names}
    return {"corpora": {name: _concordances(found, rows, params, seed) for name, rows in own.items() if len(rows)}}


def _concordances(found: Values, rows: Any, params: ScoringParams, seed: int) -> dict[str, dict[str, Any]]:
    """Target, or `mean` -> CCC of some tests, with its interval."""
    truth, predicted = found.numbers(rows)
    units = units_of([found.keys[i] for i in rows], [found.speakers[i] for i in rows])
    samples, count = resampled(moments(predicted, truth, units), params, seed), len({*units})
    columns = {**dict(zip(found.targets, samples.T, strict=True)), MEAN: samples.mean(axis=1)}
    return {
        name: {
            "CCC": float(own[0]),
            "interval": correlation_interval(float(own[0]), own[1:], count, params.confidence),
        }
        for name, own in columns.items()
    }


def error_intervals(found: Values, params: ScoringParams, seed: int) -> dict[str, tuple[float, float | None]]:
    """Target -> the ends of the interval of its MSE, pooled over the test parts; of one unit there is no upper."""
    truth, predicted = found.numbers(found.where("test"))
    units = _units(found)
    samples = squared_errors(resampled_moments(moments(predicted, truth, units), params, seed))
    count, columns = len({*units}), zip(found.targets, samples.T, strict=True)
    return {target: error_interval(float(own[0]), own[1:], count, params.confidence) for target, own in columns}


def _folds(found: Values) -> Iterator[Any]:
    """The tested rows of each fold that has any."""
    every = (found.where("test", number) for number in range(len(found.folds)))
    return (rows for rows in every if len(rows))


def _over_folds(values: Any) -> dict[str, float]:
    """Mean and standard deviation (N - 1) of CCC over the folds."""
    spread = {"std_over_folds": float(np.std(values, ddof=1))} if len(values) > 1 else {}
    return {"mean_over_folds": float(np.mean(values)), **spread}


def _units(found: Values) -> Sequence[str]:
    tested = found.where("test")
    return units_of([found.keys[i] for i in tested], [found.speakers[i] for i in tested])


def value_figures(results: Results) -> dict[str, dict[str, float]]:
    """What people compare, a few figures an experiment, for metrics/scores.json: the mean CCC, and that of targets."""
    return {
        name: {
            "CCC": row["scores"]["CCC"],
            "CCC_low": row["interval"]["CCC"][0],
            "CCC_high": row["interval"]["CCC"][1],
            **{f"CCC_{target}": own["CCC"] for target, own in row["targets"].items()},
        }
        for name, row in results.items()
    }


def write_values(results: Results, values: Mapping[str, Values], params: ScoringParams, seed: int, out: Path) -> None:
    """Write to the folder `out` all figures of experiments with targets, and how they differ; nothing without any."""
    for name, one in values.items():
        with atomic_path(out / "details" / f"{name}.json") as temporary:
            temporary.write_text(f"{json_text(results[name])}\n", encoding="utf-8", newline="\n")
        if one.curves:
            write_csv(out / "curves" / f"{name}.csv", ["fold", *VALUE_CURVE], _curve(one))
        if one.choices:
            write_csv(out / "choices" / f"{name}.csv", *choice_table(one))
    if values:
        write_csv(out / "dimensions.csv", COLUMNS, dimension_rows(results, values))
        write_csv(out / "dimension_differences.csv", DIFFERENCES, difference_rows(values, params, seed))


def dimension_rows(results: Results, values: Mapping[str, Values]) -> Iterator[list[str]]:
    """Rows of metrics/dimensions.csv: each target, and the mean where there are several."""
    for name, row in results.items():
        whole = {**row, **row["scores"], "interval": row["interval"]["CCC"]}
        mean = {MEAN: whole} if len(row["targets"]) > 1 else {}
        for target, own in {**row["targets"], **mean}.items():
            figures = (own["CCC"], *own["interval"], own["Pearson"], own.get("MSE"))
            spread = (own["mean_over_folds"], own.get("std_over_folds"))
            cells = [_decimals(value) for value in (*figures, *spread)]
            yield [name, values[name].card["corpus"], target, str(row["utterances"]), *cells]


def difference_rows(values: Mapping[str, Values], params: ScoringParams, seed: int) -> Iterator[list[str]]:
    """The difference of mean CCC of each two that were tested on the same utterances, by a paired bootstrap."""
    families: dict[str, list[tuple[list[str], list[float]]]] = {}
    for (first, one), (second, other) in combinations(values.items(), 2):
        if _tests(one) != _tests(other):
            continue
        samples = [_paired(each, params, seed) for each in (one, other)]
        difference = samples[0] - samples[1]
        count = len({*_units(one)})
        ends = correlation_difference(float(difference[0]), difference[1:], count, params.confidence)
        about = [first, second, str(len(one.where("test"))), str(count)]
        families.setdefault(repr(_tests(one)), []).append((about, [float(difference[0]), *ends]))
    for family in families.values():
        corrected = holm([figures[-1] for _, figures in family])
        for (about, figures), p_holm in zip(family, corrected, strict=True):
            yield [*about, *(_decimals(value) for value in (*figures, p_holm))]


def _tests(found: Values) -> tuple[str, list[str], list[str]]:
    """What two must have in common to be compared: corpus, targets and test utterances."""
    return found.card["corpus"], sorted(found.targets), sorted(found.keys[i] for i in found.where("test"))


def _paired(found: Values, params: ScoringParams, seed: int) -> Any:
    """Mean CCC (1 + samples,) of samples that are the same for all of the same units."""
    truth, predicted = found.numbers(found.where("test"))
    return resampled(moments(predicted, truth, _units(found)), params, seed).mean(axis=1)


def _curve(found: Values) -> list[list[str]]:
    return [
        [*(str(int(row[name])) for name in ("fold", "epoch")), *(_decimals(row.get(name)) for name in VALUE_CURVE[1:])]
        for row in found.curves
    ]


def _decimals(value: float | None) -> str:
    return "" if value is None else f"{value:.{DIGITS}f}"
