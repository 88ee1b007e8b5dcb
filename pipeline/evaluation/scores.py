"""Scores of predictions, their confidence intervals, and the comparison of two systems.

WA is the accuracy over all utterances, UA the mean of the classes' recalls. F1 and precision are scikit-learn's.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.scoring import ScoringParams
from pipeline.evaluation.bootstrap import (
    accuracies,
    counted,
    effective_tests,
    mean_f1s,
    mean_recalls,
    resampled,
    share_interval,
)

Labels = NDArray[np.int64]
Counts = NDArray[np.int64]


def scores(y: Labels, predicted: Labels) -> dict[str, float]:
    """WA, UA, F1s and macro precision of labels (N,); the means are over the classes that y has."""
    from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

    options: dict[str, Any] = {"labels": np.unique(y), "zero_division": 0}
    return {
        "WA": float(accuracy_score(y, predicted)),
        "UA": float(recall_score(y, predicted, average="macro", **options)),
        "macro_F1": float(f1_score(y, predicted, average="macro", **options)),
        "weighted_F1": float(f1_score(y, predicted, average="weighted", **options)),
        "macro_precision": float(precision_score(y, predicted, average="macro", **options)),
    }


def confusion(y: Labels, predicted: Labels, classes: int) -> Counts:
    """How often each class (row) was taken for each (column), (classes, classes); also those that no label is of."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (y, predicted), 1)
    return counts


def class_scores(counts: Counts, classes: Sequence[str]) -> dict[str, dict[str, float | int | None]]:
    """Recall, precision and F1 of every class, its utterances (support) and how often it was predicted.

    Args:
        counts: the confusion (classes, classes), rows actual.
        classes: their names.

    Returns:
        A row for each class. What has no value is None: the recall of a class that is never tested, the precision of
        one that is never predicted, and the F1 of one that is neither.
    """
    support, predicted = counts.sum(axis=1), counts.sum(axis=0)
    return {
        name: {
            "recall": _ratio(hits, support[i]),
            "precision": _ratio(hits, predicted[i]),
            "F1": _ratio(2 * hits, support[i] + predicted[i]),
            "support": int(support[i]),
            "predicted": int(predicted[i]),
        }
        for i, (name, hits) in enumerate(zip(classes, counts.diagonal(), strict=True))
    }


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def intervals(
    y: Labels, predicted: Labels, units: Sequence[str], params: ScoringParams, seed: int, times: float = 1
) -> dict[str, list[float]]:
    """Intervals of WA, UA and macro F1 by the bootstrap of units: speakers, or utterances; see `bootstrap`.

    Args:
        y: actual classes (N,).
        predicted: those predicted (N,).
        units: whose each test is.
        params: how to score.
        seed: of the bootstrap.
        times: how often each recording is among the tests.
    """
    totals, hits = counted(y, units), counted(y, units, y == predicted)
    taken = counted(predicted, units, classes=totals.shape[1])
    count, of_class = len(totals), totals.sum(axis=0) / times
    tests = {"WA": float(of_class.sum()), "UA": effective_tests(of_class), "macro_F1": effective_tests(of_class)}
    hits, totals, taken = resampled([hits, totals, taken], totals, params.bootstrap, seed)
    figures = {
        "WA": accuracies(hits, totals),
        "UA": mean_recalls(hits, totals),
        "macro_F1": mean_f1s(hits, totals, taken),
    }
    return {
        name: share_interval(float(values[0]), values[1:], count, params.confidence, tests[name])
        for name, values in figures.items()
    }


def mcnemar(y: Labels, first: Labels, second: Labels) -> float:
    """p-value of McNemar's exact test that two systems err equally often on the same utterances."""
    from scipy.stats import binomtest

    only_first = int(np.sum((first == y) & (second != y)))
    only_second = int(np.sum((first != y) & (second == y)))
    if not only_first + only_second:
        return 1.0
    return float(binomtest(only_first, only_first + only_second).pvalue)
