"""What is left of a system's scores under other conditions than it was trained under, and how far that is from clean.

The difference is of the same models on the same utterances of the same resampled speakers.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.experiments import CLEAN
from pipeline.config.scoring import ScoringParams
from pipeline.errors import UserError
from pipeline.evaluation.bootstrap import times_tested, units_of
from pipeline.evaluation.comparison import PairedBootstrap
from pipeline.evaluation.scores import intervals, scores
from pipeline.experiments.predictions import Predictions, write_csv

FIGURES = ("WA", "UA", "low", "high", "difference", "difference_low", "difference_high")
COLUMNS = ("experiment", "condition", "n", *FIGURES)
"""of metrics/conditions.csv; `difference` is UA less that of the clean recordings"""


def condition_scores(
    name: str, clean: Predictions, tested: Predictions, params: ScoringParams, seed: int
) -> dict[str, dict[str, float]]:
    """The figures of each condition.

    Args:
        name: the experiment's.
        clean: its predictions, checked for leaks.
        tested: its predictions under conditions, which are its parts.
        params: how to score.
        seed: of the bootstrap.

    Raises:
        UserError: a condition was tested on other utterances, folds or labels than the test parts.
    """
    return {
        condition: _figures(*_matched(name, clean, tested, condition), params, seed)
        for condition in dict.fromkeys(tested.part)
    }


def _matched(
    name: str, clean: Predictions, tested: Predictions, condition: str
) -> tuple[Predictions, NDArray[np.int64], Predictions, NDArray[np.int64]]:
    """The rows of the tests in either, in one order."""
    ours, theirs = _rows(clean, "test"), _rows(tested, condition)
    if ours.keys() != theirs.keys() or clean.classes != tested.classes:
        other = min(ours.keys() ^ theirs.keys(), default=(0, "", ""))
        raise UserError(
            f"{name}: was not tested under {condition} on its test parts ({other[1]!r} of fold {other[0]} differs); "
            "run `dvc repro`"
        )
    return clean, np.array([*ours.values()]), tested, np.array([theirs[test] for test in ours])


def _rows(found: Predictions, part: str) -> dict[tuple[int, str, str], int]:
    """Fold, key and emotion of each test -> its row."""
    return {(found.fold[i], found.keys[i], found.emotions[i]): int(i) for i in found.where(part)}


def _figures(
    clean: Predictions,
    ours: NDArray[np.int64],
    tested: Predictions,
    theirs: NDArray[np.int64],
    params: ScoringParams,
    seed: int,
) -> dict[str, float]:
    y = clean.labels(ours)
    before, after = clean.probabilities(ours).argmax(axis=1), tested.probabilities(theirs).argmax(axis=1)
    keys = [clean.keys[i] for i in ours]
    units = units_of(keys, [clean.speakers[i] for i in ours])
    times = times_tested(keys)
    table, ends = scores(y, after), intervals(y, after, units, params, seed, times)["UA"]
    paired = PairedBootstrap(y, units, {"before": before == y, "after": after == y}, params, seed, times)
    values = table["WA"], table["UA"], *ends, *paired.interval("after", "before")
    return dict(zip(FIGURES, values, strict=True))


def write_conditions(results: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Write metrics/conditions.csv, where any is tested under conditions: a row for clean, and one for each of them."""
    tested = {name: one for name, one in results.items() if "conditions" in one}
    if tested:
        write_csv(path, COLUMNS, (row for name, one in tested.items() for row in _csv_rows(name, one)))


def _csv_rows(name: str, result: Mapping[str, Any]) -> Iterator[list[str]]:
    low, high = result["interval"]["UA"]
    clean = {"WA": result["scores"]["WA"], "UA": result["scores"]["UA"], "low": low, "high": high}
    for condition, figures in {CLEAN: clean, **result["conditions"]}.items():
        cells = (f"{figures[column]:.4f}" if column in figures else "" for column in FIGURES)
        yield [name, condition, str(result["utterances"]), *cells]
