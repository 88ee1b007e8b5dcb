"""Scores of predictions, their confidence intervals, and the comparison of two systems.

WA is the accuracy over all utterances, UA the mean of the classes' recalls. F1 and precision are scikit-learn's.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.scoring import ScoringParams

Labels = NDArray[np.int64]
Counts = NDArray[np.int64]

REDRAWN = 20
"""most times that samples are drawn for those that lack an emotion"""


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
    y: Labels, predicted: Labels, units: Sequence[str], params: ScoringParams, seed: int
) -> dict[str, list[float]]:
    """Percentile bootstrap intervals of WA and UA that resample units: speakers, or utterances.

    A sample that lacks an emotion is drawn again, as UA over fewer emotions is another figure; where nearly all lack
    one, UA is over those there are.
    """
    groups = np.unique(np.array(units), return_inverse=True)[1]
    size = int(max(y.max(), predicted.max())) + 1
    hits = np.zeros((groups.max() + 1, size))
    totals = np.zeros_like(hits)
    np.add.at(totals, (groups, y), 1)
    np.add.at(hits, (groups, y), y == predicted)
    rng = np.random.default_rng(seed)
    kept = [_samples(rng, totals, params.bootstrap)]
    while sum(map(len, kept)) < params.bootstrap and len(kept) < REDRAWN:
        kept.append(_samples(rng, totals, params.bootstrap))
    drawn = np.concatenate(kept)[: params.bootstrap]
    if len(drawn) < params.bootstrap:
        drawn = _samples(np.random.default_rng(seed), totals[:, :0], params.bootstrap)
    hits, totals = drawn @ hits, drawn @ totals
    wa = hits.sum(axis=1) / totals.sum(axis=1)
    with np.errstate(invalid="ignore"):
        ua = np.nanmean(hits / np.where(totals > 0, totals, np.nan), axis=1)
    tails = [(1 - params.confidence) / 2, (1 + params.confidence) / 2]
    return {"WA": np.quantile(wa, tails).tolist(), "UA": np.quantile(ua, tails).tolist()}


def _samples(rng: np.random.Generator, totals: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """How often each group is in each of so many samples; without those that lack a class of totals (groups, classes).

    A class that no group has is none.
    """
    drawn = rng.multinomial(len(totals), np.full(len(totals), 1 / len(totals)), size=count)
    present = totals.sum(axis=0) > 0
    return drawn[(drawn @ totals[:, present] > 0).all(axis=1)]


def mcnemar(y: Labels, first: Labels, second: Labels) -> float:
    """p-value of McNemar's exact test that two systems err equally often on the same utterances."""
    from scipy.stats import binomtest

    only_first = int(np.sum((first == y) & (second != y)))
    only_second = int(np.sum((first != y) & (second == y)))
    if not only_first + only_second:
        return 1.0
    return float(binomtest(only_first, only_first + only_second).pvalue)
