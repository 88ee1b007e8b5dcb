"""Scores of speakers, genders, languages and texts."""

import csv
import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from toy_predictions import FAST, ROWS, predictions, run, without_validation

from pipeline.evaluation import groups
from pipeline.evaluation.groups import group_scores
from pipeline.evaluation.scores import intervals
from pipeline.experiments.predictions import Predictions
from pipeline.report.groups import groups_section

GENDER = {"s0": "female", "s1": "female", "s2": "male", "s3": ""}


def known_rows(**more):
    """ROWS, with the gender of three of the four speakers."""
    return [replace(row, gender=GENDER[row.speaker], **more) for row in ROWS]


def wrong_for(found, *speakers):
    """All tests of those speakers go wrong."""
    found.rows = [
        np.array([0.1, 0.9]) if speaker in speakers and emotion == "angry" else row
        for row, speaker, emotion in zip(found.rows, found.speakers, found.emotions, strict=True)
    ]
    return found


def test_groups_by_hand(tmp_path):
    found = run(tmp_path, {"toy": wrong_for(predictions(), "s2")}, known_rows())["toy"]
    # Of each speaker's 2 angry utterances one is right, and none of s2's; sad is always right.
    usual, worst = ({"n": 4, "classes": 2, "WA": ua, "UA": ua} for ua in (0.75, 0.5))
    assert found["groups"] == {
        "speaker": {"s0": usual, "s1": usual, "s2": worst, "s3": usual},
        "gender": {
            "female": {
                **usual,
                "n": 8,
                "low": pytest.approx(0.4093, abs=1e-4),
                "high": pytest.approx(0.9285, abs=1e-4),
            },
            "male": worst,
        },
    }
    with (tmp_path / "groups/toy.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["group"], row["value"]) for row in table] == [
        *(("speaker", f"s{number}") for number in range(4)), ("gender", "female"), ("gender", "male"),
    ]  # fmt: skip
    assert [*table[2].values()] == ["speaker", "s2", "4", "2", "0.5000", "0.5000", "", ""]
    assert (table[4]["low"], table[4]["high"]) == ("0.4093", "0.9285")  # Wilson's, of 6 of 8


def test_the_worst_group_is_named_where_it_has_some_utterances(tmp_path):
    found = run(tmp_path, {"toy": wrong_for(predictions(), "s0", "s2")}, known_rows())["toy"]
    # Speakers have 4 utterances, and the only man too; women 8.
    assert found["worst_groups"] == {"gender": "female"}
    text = (tmp_path / "summary.md").read_text()
    assert "| experiment | worst gender       |" in text
    assert "| toy        | female: 62.5 (n 8) |" in text
    assert "worst speaker" not in text


def test_ua_of_a_group_is_over_the_classes_that_it_has():
    rows = [replace(row, language="de" if row.speaker != "s0" else row.emotion) for row in ROWS]
    table = group_scores(without_validation(predictions()), rows, FAST, 0)["groups"]["language"]
    assert table["angry"] == {"n": 2, "classes": 1, "WA": 0.5, "UA": 0.5}
    assert table["sad"] == {"n": 2, "classes": 1, "WA": 1.0, "UA": 1.0}
    assert table["de"]["classes"] == 2


def test_groups_are_scikit_learns_recalls_and_the_intervals_of_their_speakers():
    rng = np.random.default_rng(0)
    found, rows = predictions(), known_rows(language="en")
    found.rows = [np.array([p, 1 - p]) for p in rng.random(len(found.rows))]
    tested = found.where("test")
    y, predicted = found.labels(tested), found.probabilities(tested).argmax(axis=1)
    female = np.isin([found.speakers[i] for i in tested], ["s0", "s1"])
    groups = group_scores(found, rows, FAST, 3)["groups"]
    assert set(groups) == {"speaker", "gender"}  # all utterances are in one language
    figures = groups["gender"]["female"]
    assert figures["UA"] == pytest.approx(balanced_accuracy_score(y[female], predicted[female]))
    speakers = [found.speakers[i] for i in tested[female]]
    assert [figures["low"], figures["high"]] == intervals(y[female], predicted[female], speakers, FAST, 3)["UA"]


def test_texts_are_groups_where_they_are_said_often():
    rows = [replace(row, text="often" if i < 5 else f"once {i}") for i, row in enumerate(ROWS)]
    assert [*group_scores(predictions(), rows, FAST, 0)["groups"]["text"]] == ["often"]


def test_unknown_speakers_are_no_group():
    rows = [replace(row, speaker="") for row in ROWS]
    found = group_scores(predictions(), rows, FAST, 0)
    assert found == {"groups": {}, "worst_groups": {}}
    assert groups_section({"toy": found}) == ""


def test_repeats_of_a_split_are_no_further_utterances_of_a_group():
    once = predictions()
    twice = Predictions(once.classes, card={**once.card, "protocol": {"scheme": "grouped_kfold", "repeats": 2}})
    for name in ("part", "keys", "emotions", "speakers", "rows", "folds"):
        setattr(twice, name, 2 * getattr(once, name))
    twice.fold = once.fold + [4 + fold for fold in once.fold]
    assert group_scores(twice, known_rows(), FAST, 0) == group_scores(once, known_rows(), FAST, 0)


def test_a_text_that_would_break_the_table_does_not():
    text = "one | two\n" + 60 * "x"
    row = {"worst_groups": {"text": text}, "groups": {"text": {text: {"n": 5, "UA": 0.5}}}}
    section = groups_section({"toy": row})
    assert r"one \| two\\nxxx" in section
    assert max(map(len, section.splitlines()[-2:])) < 80


def test_groups_of_many_speakers_are_found_in_one_look(monkeypatch):
    """A look at all utterances for each of their speakers would take a hundred times as long."""
    count = 40_000
    rows = [replace(ROWS[0], key=f"u{i}", speaker=f"s{i}") for i in range(count)]
    found = Predictions(["angry", "sad"], card={})
    keys, emotions, speakers = ([getattr(row, name) for row in rows] for name in ("key", "emotion", "speaker"))
    found.add(0, "test", keys, emotions, speakers, np.full((count, 2), 0.5))
    monkeypatch.setattr(groups, "_figures", lambda y, *_: {"n": len(y), "UA": 1.0})
    start = time.process_time()
    table = group_scores(found, rows, FAST, 0)["groups"]["speaker"]
    assert time.process_time() - start < 2.5
    assert {figures["n"] for figures in table.values()} == {1}
    assert [*table] == sorted({row.speaker for row in rows})
