"""A protocol that splits the corpus several times: the spread of its scores."""

import numpy as np
import pytest
from toy_predictions import CLASSES, FAST, ROWS, predictions

from pipeline.evaluation.comparison import compare
from pipeline.evaluation.evaluation import evaluate, score
from pipeline.evaluation.mistakes import mistakes
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


def trained_again(*times, splits=1):
    """Predictions of several splits and trainings of each, one after the other."""
    protocol = {"scheme": "grouped_kfold", "folds": 4, "repeats": splits}
    card = {**times[0].card, "protocol": protocol, "trainings": len(times) // splits}
    both = Predictions(CLASSES, card=card)
    for number, one in enumerate(times):
        for name in ("part", "keys", "emotions", "speakers", "rows", "folds"):
            getattr(both, name).extend(getattr(one, name))
        both.fold += [4 * number + fold for fold in one.fold]
    return both


def with_mistakes(count):
    """So many more tests go wrong."""
    found = predictions()
    right = [i for i in found.where("test") if found.rows[i].argmax() == found.classes.index(found.emotions[i])]
    for i in right[:count]:
        found.rows[i] = found.rows[i][::-1]
    return found


def test_several_trainings_of_one_split_have_a_spread_over_seeds():
    both = trained_again(with_mistakes(0), with_mistakes(2), with_mistakes(1))
    found = evaluate({"toy": both}, ROWS, FAST, 0)["toy"]
    assert "over_splits" not in found
    spread = found["over_seeds"]["WA"]
    assert spread["values"] == [0.75, 0.625, 0.6875]  # 12, 10 and 11 of 16
    assert (spread["mean"], spread["std"]) == (0.6875, 0.0625)
    assert found["scores"]["WA"] == 0.6875  # pooled
    assert found["groups"]["speaker"]["s0"]["n"] == 4
    table = summary_table({"toy": found}, {"toy": both.card}, set(), 0.95)
    low, mean, high = (100 * value(found["over_seeds"]["UA"]["values"]) for value in (min, np.mean, max))
    assert f"UA {mean:.1f}, {low:.1f} to {high:.1f} over 3 seeds" in table
    assert "4 folds x 3 seeds" in table


def test_a_mistake_of_several_trainings_is_listed_once_and_how_often():
    once, rows = mistakes(with_mistakes(0), ROWS), mistakes(trained_again(*map(with_mistakes, (0, 2, 1))), ROWS)
    assert len({row[1] for row in rows}) == len(rows) == len(once) + 2
    assert [row[-1] for row in once] == ["1/1"] * len(once)
    assert sorted(row[-1] for row in rows) == ["1/3", "2/3", *["3/3"] * len(once)]


def test_splits_and_seeds_are_told_apart():
    times = [with_mistakes(count) for count in (0, 2, 4, 6)]
    found = evaluate({"toy": trained_again(*times, splits=2)}, ROWS, FAST, 0)["toy"]
    # Splits: 0 and 2, 4 and 6 more mistakes; seeds: 0 and 4, 2 and 6.
    assert found["over_splits"]["WA"]["values"] == [0.6875, 0.4375]
    assert found["over_seeds"]["WA"]["values"] == [0.625, 0.5]


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
