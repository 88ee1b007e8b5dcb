"""What an evaluation writes: few scores for people, and all else beside them."""

import json

import numpy as np
import pytest
from scipy.stats import binomtest
from toy_predictions import certain_row, drawn, files_in, predictions, run, without_validation


def test_the_scores_are_those_of_the_pooled_test_parts(tmp_path):
    table = run(tmp_path, {"toy": predictions()})["toy"]
    found = table["scores"]
    # In each fold the first of two angry utterances is mistaken; sad is never.
    assert (found["WA"], found["UA"]) == (0.75, 0.75)
    assert table["confusion"] == [[4, 4], [0, 8]]
    assert table["classes"] == {
        "angry": {"recall": 0.5, "precision": 1.0, "F1": 0.6667, "support": 8, "predicted": 4},
        "sad": {"recall": 1.0, "precision": 0.6667, "F1": 0.8, "support": 8, "predicted": 12},
    }
    means = {"WA": 0.75, "UA": 0.75, "macro_F1": 0.7333, "weighted_F1": 0.7333, "macro_precision": 0.8333}
    assert table["mean_over_folds"] == means
    assert table["std_over_folds"] == dict.fromkeys(means, 0.0)  # all folds are alike
    assert (table["utterances"], table["folds"], table["speaker_dependent"]) == (16, 4, False)
    alike = binomtest(12, 16).proportion_ci(0.95, method="wilson")  # all speakers are
    assert table["interval"]["WA"] == pytest.approx([alike.low, alike.high], abs=1e-4)
    assert json.loads((tmp_path / "details/toy.json").read_text()) == table
    low, high = table["interval"]["UA"]
    assert json.loads((tmp_path / "scores.json").read_text()) == {
        "toy": {"UA": 0.75, "UA_low": low, "UA_high": high, "WA": 0.75, "macro_F1": 0.7333}
    }


def test_files_of_an_evaluation(tmp_path):
    drawn(tmp_path / "one", {"toy": predictions(), "other": predictions(0.8)})
    drawn(tmp_path / "two", {"toy": predictions(), "other": predictions(0.8)})
    written = files_in(tmp_path / "one")
    assert written == files_in(tmp_path / "two")
    assert set(written) == {
        "confusion/toy.csv",
        "confusion/other.csv",
        *(f"{folder}/{name}.csv" for folder in ("calibration", "groups") for name in ("toy", "other")),
        "curves/toy.csv",
        "curves/other.csv",
        "details/toy.json",
        "details/other.json",
        "scores.json",
        "comparisons.csv",
        "cost.csv",
        "plots/scores.svg",
        *(
            f"plots/{folder}/{name}.svg"
            for folder in ("calibration", "confusion", "curves")
            for name in ("toy", "other")
        ),
        "summary.md",
    }
    assert written["confusion/toy.csv"].decode() == "actual,angry,sad\nangry,4,4\nsad,0,8\n"
    assert written["curves/toy.csv"].decode().splitlines()[:3] == [
        "fold,epoch,train_loss,train_acc,valid_loss,valid_acc",
        "0,1,1.2500,,,",
        "0,2,0.5000,0.5000,0.7500,1.0000",
    ]


def test_details_are_json_with_the_confusion_as_a_matrix(tmp_path):
    run(tmp_path, {"toy": predictions()})
    text = (tmp_path / "details/toy.json").read_text()
    assert '\n  "confusion": [\n    [4, 4],\n    [0, 8]\n  ],\n' in text


def test_spread_over_folds_is_the_sample_standard_deviation(tmp_path):
    found = predictions()
    found.rows = [row if fold else 1 - row for fold, row in zip(found.fold, found.rows, strict=True)]
    table = run(tmp_path, {"toy": found})["toy"]
    # The folds' WA are 1/4, 3/4, 3/4 and 3/4.
    assert table["mean_over_folds"]["WA"] == 0.625
    assert table["std_over_folds"]["WA"] == 0.25


def test_validation_parts_are_scored_as_what_selection_saw(tmp_path):
    found = predictions(selected_on_validation=True)
    found.rows = [certain_row(1, 1)[0] if part == "validation" else row for part, row in parts_and_rows(found)]
    result = run(tmp_path, {"toy": found, "none": without_validation(predictions())})
    validation = result["toy"]["validation"]
    assert validation["seen_by_selection"] is True
    assert (validation["scores"]["WA"], validation["scores"]["UA"]) == (0.5, 0.5)  # all are taken for sad
    assert (validation["utterances"], validation["folds"]) == (16, 4)
    assert "validation" not in result["none"]
    watched = run(tmp_path, {"toy": predictions()})["toy"]["validation"]
    assert watched["seen_by_selection"] is False


def parts_and_rows(found):
    return zip(found.part, found.rows, strict=True)


def test_a_class_that_is_never_tested_has_its_row_everywhere(tmp_path):
    found = predictions()
    found.classes = ["angry", "bored", "sad"]
    found.rows = [np.insert(row, 1, 0) for row in found.rows]
    result = run(tmp_path, {"toy": found})["toy"]
    assert [*result["classes"]] == found.classes
    assert result["classes"]["bored"]["recall"] is None
    assert (
        tmp_path / "confusion/toy.csv"
    ).read_text() == "actual,angry,bored,sad\nangry,4,0,4\nbored,0,0,0\nsad,0,0,8\n"
    assert result["scores"]["UA"] == 0.75
