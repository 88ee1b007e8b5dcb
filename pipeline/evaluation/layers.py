"""Scores by layer, where a probe tried each: what each gives out of fold, and in how many folds it was chosen."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.config.scoring import ScoringParams
from pipeline.corpora.manifest import Row
from pipeline.evaluation.bootstrap import times_tested, units_of
from pipeline.evaluation.scores import intervals, scores
from pipeline.experiments.joint_corpora import by_corpus, rows_of
from pipeline.experiments.predictions import Predictions, write_csv

LAYER_COLUMNS = ("layer", "UA", "UA_low", "UA_high", "WA", "chosen_in_folds")
"""columns of the table"""


def layer_rows(found: Predictions, speakers: Mapping[str, str], params: ScoringParams, seed: int) -> list[list[str]]:
    """A row for each layer, see `LAYER_COLUMNS`; of the same test utterances as the experiment's own score.

    The best row is no estimate for other speech, as the test part would have chosen it; the experiment's own score is
    that of the layers which inner folds chose.

    Args:
        found: an experiment's predictions.
        speakers: key -> speaker, of the corpus.
        params: how to score.
        seed: of the bootstrap.
    """
    truth = dict(zip(found.keys, found.emotions, strict=True))
    rows = []
    for layer in sorted({part.layer for part in found.layers}):
        parts = [part for part in found.layers if part.layer == layer]
        keys = [key for part in parts for key in part.keys]
        y = np.array([found.classes.index(truth[key]) for key in keys], np.int64)
        predicted = np.concatenate([part.rows.argmax(axis=1) for part in parts])
        units = units_of(keys, [speakers.get(key, "") for key in keys])
        low, high = intervals(y, predicted, units, params, seed, times_tested(keys))["UA"]
        score = scores(y, predicted)
        figures = (score["UA"], low, high, score["WA"])
        rows.append([str(layer), *(f"{value:.4f}" for value in figures), str(sum(part.chosen for part in parts))])
    return rows


def layer_tables(
    predictions: Mapping[str, Predictions], rows: Sequence[Row], params: ScoringParams, seed: int
) -> dict[str, list[list[str]]]:
    """The rows of each experiment that tried each layer.

    Args:
        predictions: of each experiment and fusion.
        rows: the manifest rows of all their corpora.
        params: how to score.
        seed: of the bootstrap.
    """
    corpora = by_corpus(rows)
    return {
        name: layer_rows(one, {row.key: row.speaker for row in rows_of(one.card, corpora)}, params, seed)
        for name, one in predictions.items()
        if one.layers
    }


def write_layers(tables: Mapping[str, Sequence[Sequence[str]]], out: Path) -> None:
    """Write NAME.csv of each to the folder `out`."""
    for name, table in tables.items():
        write_csv(out / f"{name}.csv", LAYER_COLUMNS, table)
