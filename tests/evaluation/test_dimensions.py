"""Scores of predicted numbers: intervals over speakers, differences of pairs, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from feature_files import manifest_row

from pipeline.config.scoring import ScoringParams
from pipeline.errors import UserError
from pipeline.evaluation.agreement import (
    concordances,
    correlation_difference,
    correlation_interval,
    error_interval,
    moments,
    resampled,
)
from pipeline.evaluation.comparison import holm
from pipeline.evaluation.dimensions import difference_rows, dimension_rows, evaluate_values, value_figures
from pipeline.experiments.values import Values
from pipeline.systems.regression.agreement import concordance

FAST = ScoringParams(bootstrap=400)
SPEAKERS = 6
RNG = np.random.default_rng(0)
TRUTH = RNG.uniform(1, 5, (SPEAKERS * 5, 2)).round(2)
TARGETS = ["valence", "arousal"]
ROWS = [
    replace(manifest_row(f"u{i:02d}", f"s{i % SPEAKERS}", ""), dimensions=dict(zip(TARGETS, row.tolist(), strict=True)))
    for i, row in enumerate(TRUTH)
]
CARD = {
    "corpus": "toy",
    "protocol": {"scheme": "leave_one_speaker_out"},
    "speaker_dependent": False,
    "targets": ["valence", "arousal"],
}


def values(noise, seed=1):
    """Predictions of all, each speaker tested once, off by so much."""
    found, rng = Values(["valence", "arousal"], card=dict(CARD)), np.random.default_rng(seed)
    for fold in range(SPEAKERS):
        tested = [i for i in range(len(ROWS)) if i % SPEAKERS == fold]
        truth = TRUTH[tested]
        keys = [ROWS[i].key for i in tested]
        found.add(fold, "test", keys, [f"s{fold}"] * len(keys), truth, truth + rng.normal(0, noise, truth.shape))
        train = [row.key for row in ROWS if row.key not in keys]
        found.folds.append({"train": train, "validation": [], "test": keys})
    return found


def test_moments_give_the_concordance_of_all_and_of_any_sample():
    predicted = TRUTH + np.random.default_rng(3).normal(0, 1, TRUTH.shape)
    units = [row.speaker for row in ROWS]
    sums = moments(predicted, TRUTH, units)
    assert concordances(sums.sum(axis=0, keepdims=True))[0] == pytest.approx(concordance(predicted, TRUTH))
    twice = [i for i, unit in enumerate(units) if unit in ("s0", "s2")] * 2
    sample = 2 * sums[0] + 2 * sums[2]
    assert concordances(sample[None])[0] == pytest.approx(concordance(predicted[twice], TRUTH[twice]))
    assert resampled(sums, FAST, 0).shape == (401, 2)


def test_intervals_are_of_correlations_and_of_speakers():
    assert correlation_interval(0.5, np.array([0.4, 0.6]), 1, 0.95) == [-1.0, 1.0]
    low, high = correlation_interval(0.9, np.array([0.7, 0.95, 0.99, 0.85]), 4, 0.95)
    assert -1 < low < 0.9 < high < 1
    results = evaluate_values({"near": values(0.2), "far": values(2.0)}, ROWS, FAST, 0)
    widths = {name: np.diff(row["interval"]["CCC"])[0] for name, row in results.items()}
    assert widths["near"] < widths["far"]
    assert results["near"]["scores"]["CCC"] > results["far"]["scores"]["CCC"]


def test_where_samples_of_speakers_do_not_differ_nothing_can_be_said():
    assert correlation_interval(1.0, np.ones(9), 5, 0.95) == [-1.0, 1.0]
    assert correlation_interval(0.0, np.full(9, 1e-17), 5, 0.95) == [-1.0, 1.0]
    assert error_interval(0.25, np.full(9, 0.25), 5, 0.95) == error_interval(0.0, np.zeros(9), 5, 0.95) == (0.0, None)
    assert correlation_difference(0.0, np.zeros(9), 5, 0.95) == (-2.0, 2.0, 1.0)
    assert correlation_difference(0.5, np.full(9, 0.5), 5, 0.95) == (-2.0, 2.0, 2 / 2**5)
    results = evaluate_values({"exact": values(0.0)}, ROWS, FAST, 0)
    assert results["exact"]["interval"]["CCC"] == [-1.0, 1.0]
    (same,) = difference_rows({"one": values(0.2), "same": values(0.2)}, FAST, 0)
    assert [*map(float, same[4:])] == [0.0, -2.0, 2.0, 1.0, 1.0]


def test_trainings_of_networks_cost_what_they_cost_of_emotions():
    found = values(0.5)
    found.card["cost"] = {"operations": 1e6}
    found.curves = [{"fold": fold, "train_loss": 1.0} for fold in range(SPEAKERS) for _ in range(2)]
    cost = evaluate_values({"one": found}, ROWS, FAST, 0)["one"]["training"]
    assert cost["epochs"] == 2
    assert cost["operations_per_epoch"] == pytest.approx(3e6 * ROWS[0].length * 25)
    assert "training" not in evaluate_values({"one": values(0.5)}, ROWS, FAST, 0)["one"]


def test_figures_and_rows_agree():
    found = {"one": values(0.5)}
    results = evaluate_values(found, ROWS, FAST, 0)
    truth, predicted = found["one"].numbers(found["one"].where("test"))
    by_hand = concordance(predicted, truth)
    figures = value_figures(results)["one"]
    assert figures["CCC"] == pytest.approx(by_hand.mean(), abs=1e-4)
    assert figures["CCC_valence"] == pytest.approx(by_hand[0], abs=1e-4)
    rows = {row[2]: row for row in dimension_rows(results, found)}
    assert [*rows] == ["valence", "arousal", "mean"]
    assert float(rows["valence"][8]) == pytest.approx(((predicted - truth) ** 2).mean(axis=0)[0], abs=1e-4)
    assert rows["mean"][8] == ""


def test_pairs_on_the_same_utterances_are_told_apart():
    others = values(0.2, seed=2)
    others.targets = ["valence", "engagement"]
    found = {"near": values(0.2), "far": values(3.0), "same": values(0.2), "other": others}
    rows = {(row[0], row[1]): row for row in difference_rows(found, FAST, 0)}
    assert {*rows} == {("near", "far"), ("near", "same"), ("far", "same")}
    assert float(rows["near", "far"][7]) < 0.05
    assert (float(rows["near", "same"][4]), float(rows["near", "same"][7])) == (0.0, 1.0)
    ps, corrected = ([float(row[column]) for row in rows.values()] for column in (7, 8))
    assert corrected == pytest.approx(holm(ps), abs=2e-4)
    assert corrected != ps


def test_what_leaked_or_is_of_another_manifest_is_refused():
    heard = values(0.2)
    heard.folds[0]["train"].append("u06")
    with pytest.raises(UserError, match=r"toy_numbers: .*is trained on"):
        evaluate_values({"toy_numbers": heard}, ROWS, FAST, 0)
    changed = [replace(ROWS[0], dimensions={"valence": 9.0, "arousal": 9.0}), *ROWS[1:]]
    with pytest.raises(UserError, match=r"'u00' has the valence .* and 9.0 in the manifest"):
        evaluate_values({"x": values(0.2)}, changed, FAST, 0)
    with pytest.raises(UserError, match="'u00' has none of its targets in the manifest"):
        evaluate_values({"x": values(0.2)}, [replace(ROWS[0], dimensions={}), *ROWS[1:]], FAST, 0)
    more = [*ROWS, replace(ROWS[0], key="u99")]
    with pytest.raises(UserError, match="'u99' is in the manifest, and in none of its folds"):
        evaluate_values({"x": values(0.2)}, more, FAST, 0)


def test_values_are_read_as_they_were_written(tmp_path):
    found = values(0.5)
    found.curves = [{"fold": 0, "epoch": 1.0, "train_loss": 0.5}]
    found.write(tmp_path)
    read = Values.read(tmp_path)
    assert (read.targets, read.keys, read.folds, read.card, read.curves) == (
        found.targets, found.keys, found.folds, found.card, found.curves,
    )  # fmt: skip
    assert np.array_equal(read.truth, found.truth)
    assert np.allclose(read.predicted, found.predicted, atol=1e-4)
    text = (tmp_path / "values.csv").read_text()
    (tmp_path / "values.csv").write_text(text.replace("predicted_valence", "guessed_valence"))
    with pytest.raises(UserError, match="predictions missing or damaged"):
        Values.read(tmp_path)
