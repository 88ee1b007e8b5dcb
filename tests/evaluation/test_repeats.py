"""A protocol that splits the corpus several times: the spread of its scores."""

import numpy as np
import pytest
from toy_predictions import CLASSES, FAST, ROWS, predictions

from pipeline.evaluation.comparison import compare
from pipeline.evaluation.evaluation import evaluate, score
from pipeline.experiments.predictions import Predictions
from pipeline.report.summary import summary_table


@pytest.mark.parametrize("speaker", ["", "one"])
def test_repeats_of_an_utterance_are_no_further_utterances(speaker):
    """Where there is one speaker, or none is known, an interval resamples utterances, with all their repeats."""
    found = predictions(protocol={"scheme": "stratified_split", "repeats": 1})
    speakers = dict.fromkeys((row.key for row in ROWS), speaker)
    once = score(found, speakers, FAST, 0)["interval"]
    assert once["UA"][0] < once["UA"][1]
    again = Predictions(CLASSES, card={**found.card, "protocol": {"scheme": "stratified_split", "repeats": 5}})
    for name in ("part", "keys", "emotions", "speakers", "rows", "folds"):
        setattr(again, name, 5 * getattr(found, name))
    again.fold = [4 * repeat + fold for repeat in range(5) for fold in found.fold]
    assert score(again, speakers, FAST, 0)["interval"] == once


def test_a_repeated_protocol_has_a_spread_and_no_pair_with_one_that_is_not():
    found = predictions()
    again = predictions()
    again.rows = [row[::-1] if i in again.where("test")[:1] else row for i, row in enumerate(again.rows)]
    first = dict(vars(found))
    both = Predictions(CLASSES, card={**found.card, "protocol": {"scheme": "grouped_kfold", "folds": 4, "repeats": 2}})
    for name in ("part", "keys", "emotions", "speakers", "rows", "folds"):
        setattr(both, name, first[name] + getattr(again, name))
    both.fold = found.fold + [4 + fold for fold in again.fold]
    results = evaluate({"toy": both, "other": predictions()}, ROWS, FAST, 0)
    spread = results["toy"]["over_splits"]["WA"]
    once = [evaluate({"toy": each}, ROWS, FAST, 0)["toy"]["scores"]["WA"] for each in (found, again)]
    assert spread["values"] == once
    assert once[0] != once[1]
    assert spread["mean"] == pytest.approx(np.mean(once), abs=1e-4)
    assert spread["std"] == pytest.approx(np.std(once, ddof=1), abs=1e-4)
    assert "over_splits" not in results["other"]
    table = summary_table({"toy": results["toy"]}, {"toy": both.card}, set(), 0.95)
    assert f"WA {100 * spread['mean']:.1f} ± {100 * spread['std']:.1f}, UA" in table
    assert "(2 splits)" in table
    assert compare({"toy": both, "other": predictions()}, FAST, 0) == []
