"""Scores, intervals and tests against numbers worked out by hand."""

from math import comb

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binomtest, t
from sklearn.metrics import f1_score, precision_recall_fscore_support

from pipeline.config.scoring import ScoringParams
from pipeline.errors import ParamsError
from pipeline.evaluation.bootstrap import effective_tests, share_interval
from pipeline.evaluation.scores import class_scores, confusion, intervals, mcnemar, scores
from pipeline.strict import validate

FAST = ScoringParams(bootstrap=200)


# --- scores ---


def test_scores_by_hand():
    # Confusions: 3 of 4 a are right and one is taken for b; 1 of 2 b; c never.
    y = np.array([0, 0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 0, 0, 1, 1, 0, 1])
    found = scores(y, predicted)
    precision, recall = [3 / 4, 1 / 3, 0], [3 / 4, 1 / 2, 0]
    f1 = [3 / 4, 2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2), 0]
    assert found["WA"] == pytest.approx(4 / 7)
    assert found["UA"] == pytest.approx(np.mean(recall))
    assert found["macro_F1"] == pytest.approx(np.mean(f1))
    assert found["weighted_F1"] == pytest.approx((4 * f1[0] + 2 * f1[1]) / 7)
    assert found["macro_precision"] == pytest.approx(np.mean(precision))


def test_ua_is_the_mean_recall_of_the_classes_that_are_there():
    y, predicted = np.array([0] * 9 + [2]), np.array([0] * 9 + [0])
    found = scores(y, predicted)
    assert (found["WA"], found["UA"]) == (0.9, 0.5)


def test_every_class_has_a_row_and_what_has_no_value_has_none():
    # "never" is neither tested nor predicted; "wrong" is predicted only; "missed" is tested only.
    classes = ["right", "wrong", "missed", "never"]
    counts = confusion(np.array([0, 0, 0, 2]), np.array([0, 0, 1, 1]), len(classes))
    assert counts.tolist() == [[2, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert class_scores(counts, classes) == {
        "right": {"recall": 2 / 3, "precision": 1, "F1": 0.8, "support": 3, "predicted": 2},
        "wrong": {"recall": None, "precision": 0, "F1": 0, "support": 0, "predicted": 2},
        "missed": {"recall": 0, "precision": None, "F1": 0, "support": 1, "predicted": 0},
        "never": {"recall": None, "precision": None, "F1": None, "support": 0, "predicted": 0},
    }


def test_class_scores_are_those_of_scikit_learn():
    y, predicted = np.random.default_rng(0).integers(0, 5, (2, 300))
    table = class_scores(confusion(y, predicted, 5), list("abcde"))
    for row, expected in zip(
        table.values(), zip(*precision_recall_fscore_support(y, predicted), strict=True), strict=True
    ):
        assert (row["precision"], row["recall"], row["F1"], row["support"]) == pytest.approx(expected)


# --- confidence intervals ---


def test_intervals_resample_speakers():
    # Two speakers, one wholly right and one wholly wrong: nothing can be said of others.
    y = np.zeros(200, int)
    predicted = np.repeat([0, 1], 100)
    by_speaker = intervals(y, predicted, ["s0"] * 100 + ["s1"] * 100, ScoringParams(), 0)
    assert by_speaker["WA"] == pytest.approx([0, 1], abs=1e-3)
    by_utterance = intervals(y, predicted, [f"s{i}" for i in range(200)], ScoringParams(), 0)
    assert 0.4 < by_utterance["WA"][0] < 0.5 < by_utterance["WA"][1] < 0.6


def test_utterances_are_resampled_as_a_binomial():
    y = np.zeros(200, int)
    predicted = np.repeat([0, 1], 100)
    params = ScoringParams()
    alone = intervals(y, predicted, [f"{i:03d}" for i in range(200)], params, 0)
    spread = 1.96 * np.sqrt(0.25 / 200)
    np.testing.assert_allclose(alone["WA"], [0.5 - spread, 0.5 + spread], atol=0.02)


def test_intervals_are_of_the_standard_error_of_a_plain_bootstrap():
    rng = np.random.default_rng(0)
    y, speakers = rng.integers(0, 3, 300), rng.integers(0, 8, 300)
    predicted = np.where(rng.random(300) < 0.3 + speakers / 16, y, rng.integers(0, 3, 300))
    found = intervals(y, predicted, [str(s) for s in speakers], ScoringParams(bootstrap=4000, confidence=0.9), 1)
    wa, ua, f1 = [], [], []
    for _ in range(4000):
        rows = np.concatenate([np.flatnonzero(speakers == s) for s in rng.integers(0, 8, 8)])
        hit = y[rows] == predicted[rows]
        wa.append(hit.mean())
        ua.append(np.mean([hit[y[rows] == c].mean() for c in range(3)]))
        f1.append(f1_score(y[rows], predicted[rows], average="macro"))
    hit, table = y == predicted, {"WA": wa, "UA": ua, "macro_F1": f1}
    whole = {"WA": hit.mean(), "UA": np.mean([hit[y == c].mean() for c in range(3)])}
    whole["macro_F1"] = f1_score(y, predicted, average="macro")
    for name, samples in table.items():
        value = whole[name]
        width = t.ppf(0.95, 7) * np.std(samples) * np.sqrt(8 / 7) / (value * (1 - value))
        np.testing.assert_allclose(found[name], expit(logit(value) + np.array([-width, width])), atol=0.01)


def test_macro_f1_counts_what_is_taken_for_classes_that_are_never_said():
    """Class 0 is right half of the time, and the rest is taken for class 2, which no label is of."""
    y, predicted = np.array([0, 0, 1, 1] * 3), np.array([0, 2, 1, 1] * 3)
    found = intervals(y, predicted, [f"s{i // 4}" for i in range(12)], FAST, 0)
    np.testing.assert_allclose(found["macro_F1"], share_interval((2 / 3 + 1) / 2, np.ones(2), 3, 0.95, 12))


def test_a_sample_that_lacks_an_emotion_is_drawn_again():
    # Only s0 says class 1; without s0, UA would be the recall of class 0 alone, 1.
    y, predicted = np.array([0, 1, 0, 0]), np.array([0, 0, 0, 0])
    found = intervals(y, predicted, ["s0", "s0", "s1", "s1"], ScoringParams(), 0)
    assert found["UA"] == share_interval(0.5, np.ones(2), 2, 0.95, effective_tests(np.array([3, 1])))


def test_where_no_sample_has_all_emotions_ua_is_over_those_there_are():
    """Forty speakers who say an emotion each, as in no corpus: nearly every sample lacks some."""
    y = np.arange(40)
    found = intervals(y, np.zeros(40, int), [f"s{i}" for i in range(40)], FAST, 0)
    assert 0 <= found["UA"][0] < found["UA"][1] < 0.2


def test_intervals_are_seeded_and_widen_with_confidence():
    rng = np.random.default_rng(0)
    y, predicted = rng.integers(0, 2, 90), rng.integers(0, 2, 90)
    speakers = [str(i % 9) for i in range(90)]
    first = intervals(y, predicted, speakers, FAST, 0)
    assert intervals(y, predicted, speakers, FAST, 0) == first
    assert intervals(y, predicted, speakers, FAST, 1) != first
    wide = intervals(y, predicted, speakers, ScoringParams(bootstrap=200, confidence=0.999), 0)
    assert wide["WA"][0] < first["WA"][0] < first["WA"][1] < wide["WA"][1]


@pytest.mark.parametrize("wrong", [{"bootstrap": 99}, {"confidence": 1.0}, {"confidence": 95}])
def test_wrong_params_are_refused(wrong):
    with pytest.raises(ParamsError, match=next(iter(wrong))):
        validate(ScoringParams, wrong)


# --- McNemar ---


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (1, 0), (8, 1), (1, 8), (5, 5), (30, 12)])
def test_mcnemar_is_the_exact_binomial_test(only_first, only_second):
    both, neither = 7, 4
    n = only_first + only_second
    first = np.array([1] * both + [0] * neither + [1] * only_first + [0] * only_second)
    second = np.array([1] * both + [0] * neither + [0] * only_first + [1] * only_second)
    found = mcnemar(np.ones(len(first), int), first, second)
    tail = sum(comb(n, k) for k in range(min(only_first, only_second) + 1)) / 2**n
    assert found == pytest.approx(min(1.0, 2 * tail))
    if n:
        assert found == pytest.approx(binomtest(only_first, n).pvalue)
