"""Scores of each speaker, gender, language and text: a mean over all can hide that some are hardly served.

UA of a group is the mean recall of the classes that the group has, which can be fewer than the corpus has.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.scoring import ScoringParams
from pipeline.corpora.manifest import Row
from pipeline.evaluation.bootstrap import accuracies, counted, mean_recalls, times_tested, units_of
from pipeline.evaluation.scores import intervals
from pipeline.experiments.predictions import Predictions

GROUPINGS = ("corpus", "speaker", "gender", "language", "text")
"""what the manifest says of a recording"""

SMALLEST = 5
"""utterances of the smallest group that is named as the worst, and of the smallest text that is a group"""

COLUMNS = ("group", "value", "n", "classes", "WA", "UA", "low", "high")
"""of metrics/groups/NAME.csv; `low` and `high` are the ends of UA's interval over speakers"""

Groups = dict[str, dict[str, dict[str, Any]]]
"""grouping -> value -> its figures"""


def group_scores(found: Predictions, rows: Sequence[Row], params: ScoringParams, seed: int) -> dict[str, Any]:
    """Scores of the groups that the manifest tells apart, pooled over the test parts, and the worst of each grouping.

    A group's interval resamples its speakers, where it has several. Utterances whose value is not known are in no
    group.

    Args:
        found: predictions.
        rows: the manifest's, of its corpus.
        params: how to score.
        seed: of the bootstrap.

    Returns:
        `groups`: grouping -> value -> figures; and `worst_groups`: grouping -> the value with the lowest UA.
    """
    tested = found.where("test")
    known = {row.key: row for row in rows}
    about = [known[found.keys[i]] for i in tested]
    y, predicted = found.labels(tested), found.probabilities(tested).argmax(axis=1)
    groups: Groups = {}
    for grouping in GROUPINGS:
        if members := _members(grouping, about):
            groups[grouping] = {
                value: _figures(y[where], predicted[where], [about[i] for i in where], params, seed)
                for value, where in members.items()
            }
    return {
        "groups": groups,
        "worst_groups": {name: worst for name, table in groups.items() if (worst := _worst(table))},
    }


def _value(grouping: str, row: Row) -> str:
    return row.dataset if grouping == "corpus" else str(getattr(row, grouping))


def _members(grouping: str, about: Sequence[Row]) -> dict[str, NDArray[np.int64]]:
    """The places of each known value, values in the order of the alphabet; none where all utterances have the same."""
    places: dict[str, list[int]] = {}
    for i, row in enumerate(about):
        places.setdefault(_value(grouping, row), []).append(i)
    smallest = SMALLEST if grouping == "text" else 1
    told_apart = sorted(value for value in places if value) if len(places) > 1 else []
    return {
        value: np.array(places[value], np.int64)
        for value in told_apart
        if len({about[i].key for i in places[value]}) >= smallest
    }


def _figures(
    y: NDArray[np.int64], predicted: NDArray[np.int64], about: Sequence[Row], params: ScoringParams, seed: int
) -> dict[str, Any]:
    speakers = [row.speaker for row in about]
    totals, hits = (counted(y, speakers, what).sum(axis=0, keepdims=True) for what in (None, y == predicted))
    figures = {
        "n": len({row.key for row in about}),
        "classes": int(np.count_nonzero(totals)),
        "WA": float(accuracies(hits, totals)[0]),
        "UA": float(mean_recalls(hits, totals)[0]),
    }
    if len({*speakers} - {""}) > 1:
        keys = [row.key for row in about]
        low, high = intervals(y, predicted, units_of(keys, speakers), params, seed, times_tested(keys))["UA"]
        figures |= {"low": low, "high": high}
    return figures


def _worst(table: Mapping[str, Mapping[str, Any]]) -> str:
    """The value with the lowest UA, the first of several, of those with some utterances; "" where none has."""
    large = {value: figures["UA"] for value, figures in table.items() if figures["n"] >= SMALLEST}
    return min(large, key=lambda value: large[value], default="")


def group_rows(groups: Groups) -> Iterator[list[str]]:
    """Rows of metrics/groups/NAME.csv."""
    for grouping, table in groups.items():
        for value, figures in table.items():
            shares = (f"{figures[name]:.4f}" if name in figures else "" for name in COLUMNS[4:])
            yield [grouping, value, str(figures["n"]), str(figures["classes"]), *shares]
