"""Calibration against numbers worked out by hand, and scikit-learn's."""

import csv

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve
from toy_predictions import predictions, run

from pipeline.evaluation.calibration import BINS, calibration, expected_calibration_error, log_loss, reliability


def drawn_probabilities(rng, count=500, classes=4):
    logits = 2 * rng.standard_normal((count, classes))
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_calibration_by_hand():
    # Confidences 0.9 (right), 0.9 (wrong), 0.6 (right): bins 14 and 9 of 15.
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]])
    found = calibration(np.array([0, 1, 1]), probabilities)
    assert found["bins"] == [
        {"bin": 9, "n": 1, "confidence": 0.6, "accuracy": 1.0},
        {"bin": 14, "n": 2, "confidence": 0.9, "accuracy": 0.5},
    ]
    assert found["ECE"] == pytest.approx((1 * 0.4 + 2 * 0.4) / 3)
    assert found["log_loss"] == pytest.approx(-(np.log(0.9) + np.log(0.1) + np.log(0.6)) / 3)
    assert found["mean_confidence"] == pytest.approx(0.8)


def test_a_confidence_on_the_edge_is_in_the_bin_below():
    found = reliability(np.zeros(2, int), np.array([[3 / 15, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]]))
    assert [one.number for one in found if one.count] == [3, 15]
    assert len(found) == BINS


def test_the_bins_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    probabilities, y = drawn_probabilities(rng), rng.integers(0, 4, 500)
    right = probabilities.argmax(axis=1) == y
    accuracy, confidence = calibration_curve(right, probabilities.max(axis=1), n_bins=BINS, strategy="uniform")
    used = [one for one in reliability(y, probabilities) if one.count]
    np.testing.assert_allclose([one.accuracy for one in used], accuracy)
    np.testing.assert_allclose([one.confidence for one in used], confidence)


def test_the_log_loss_is_scikit_learns_also_of_a_class_with_no_probability_and_of_rounded_rows():
    rng = np.random.default_rng(1)
    probabilities, y = drawn_probabilities(rng), rng.integers(0, 3, 500)  # class 3 is never tested
    probabilities[0] = [0, 1, 0, 0]
    y[0] = 0
    expected = metrics.log_loss(y, probabilities, labels=[0, 1, 2, 3])
    assert log_loss(y, probabilities) == pytest.approx(expected)
    rounded = np.array([[float(f"{p:.6g}") for p in row] for row in probabilities])
    assert log_loss(y, rounded) == pytest.approx(expected, abs=1e-5)


def test_probabilities_that_labels_are_drawn_from_are_calibrated_and_sharper_ones_are_not():
    rng = np.random.default_rng(2)
    honest = drawn_probabilities(rng, 20_000)
    y = (honest.cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    sharper = honest**4 / (honest**4).sum(axis=1, keepdims=True)
    assert expected_calibration_error(reliability(y, honest)) < 0.015
    assert expected_calibration_error(reliability(y, sharper)) > 0.1
    assert log_loss(y, honest) < log_loss(y, sharper)


def test_an_evaluation_writes_the_reliability_of_each(tmp_path):
    found = run(tmp_path, {"toy": predictions(0.9)})["toy"]["calibration"]
    # All say 0.9, and 12 of 16 are right.
    assert (found["ECE"], found["mean_confidence"]) == (0.15, 0.9)
    with (tmp_path / "calibration/toy.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["bin"] for row in table] == [str(number) for number in range(1, BINS + 1)]
    assert table[13] == {
        "bin": "14", "low": "0.8667", "high": "0.9333", "n": "16", "confidence": "0.9000", "accuracy": "0.7500",
    }  # fmt: skip
    assert table[0] == {"bin": "1", "low": "0.0000", "high": "0.0667", "n": "0", "confidence": "", "accuracy": ""}
    assert "| toy        | 0.150 |" in (tmp_path / "summary.md").read_text()
