"""Scores of a protocol that splits the corpus several times: what each split would have reported, and their spread."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.scores import scores
from pipeline.experiments.predictions import Predictions

MEASURES = ("UA", "WA", "macro_F1")


def over_splits(predictions: Predictions) -> dict[str, dict[str, Any]]:
    """Mean, standard deviation (of a sample) and values of each measure over the splits; nothing for one split.

    Each split's score is pooled over its own folds, as that of a protocol without repeats.
    """
    if predictions.splits < 2:
        return {}
    tested = predictions.where("test")
    split_of = np.array(predictions.fold)[tested] // predictions.folds_of_a_split
    tables = [_scores(predictions, tested[split_of == number]) for number in range(predictions.splits)]
    values = {name: [table[name] for table in tables] for name in MEASURES}
    return {
        name: {"mean": float(np.mean(each)), "std": float(np.std(each, ddof=1)), "values": each}
        for name, each in values.items()
    }


def _scores(predictions: Predictions, rows: NDArray[np.int64]) -> dict[str, float]:
    predicted = predictions.probabilities(rows).argmax(axis=1)
    return scores(predictions.labels(rows), predicted)
