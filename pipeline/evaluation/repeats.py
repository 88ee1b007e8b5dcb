"""Scores of what is split or trained several times: what each time would have reported, and their spread."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.scores import scores
from pipeline.experiments.predictions import Predictions

MEASURES = ("UA", "WA", "macro_F1")


def over_splits(predictions: Predictions) -> dict[str, dict[str, Any]]:
    """Mean, standard deviation (of a sample) and values of each measure over the splits; nothing for one split.

    Each split's score is pooled over its own folds, and over its trainings, as that of a protocol without repeats.
    """
    return _spread(predictions, _times(predictions) // predictions.trainings)


def over_seeds(predictions: Predictions) -> dict[str, dict[str, Any]]:
    """The same over the trainings of one and the same split, which differ in their seeds only; nothing for one.

    It is what chance does in training; how scores vary with who is tested, the intervals over speakers say.
    """
    return _spread(predictions, _times(predictions) % predictions.trainings)


def _times(predictions: Predictions) -> NDArray[np.int64]:
    """Of each test, the number of the training of all splits, from 0."""
    return np.array(predictions.fold)[predictions.where("test")] // predictions.folds_of_a_split


def _spread(predictions: Predictions, group: NDArray[np.int64]) -> dict[str, dict[str, Any]]:
    """Of the tests' groups, from 0."""
    if not group.any():
        return {}
    tested = predictions.where("test")
    tables = [_scores(predictions, tested[group == number]) for number in range(group.max() + 1)]
    values = {name: [table[name] for table in tables] for name in MEASURES}
    return {
        name: {"mean": float(np.mean(each)), "std": float(np.std(each, ddof=1)), "values": each}
        for name, each in values.items()
    }


def _scores(predictions: Predictions, rows: NDArray[np.int64]) -> dict[str, float]:
    predicted = predictions.probabilities(rows).argmax(axis=1)
    return scores(predictions.labels(rows), predicted)
