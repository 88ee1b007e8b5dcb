"""Decision fusion: equal to scikit-learn's by hand, and never fitted on the part it is tested on."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pipeline.config.fusions import FusionParams
from pipeline.errors import ParamsError, UserError
from pipeline.experiments.fusion import fuse, gated, logistic_regression, weighted_average
from pipeline.experiments.gate import Gate, fit_gate
from pipeline.experiments.predictions import Predictions
from pipeline.strict import validate

CLASSES = ["angry", "happy", "sad"]
FOLDS = 3
FIT_ON = ("training", "validation", "other_folds")
METHODS = ("logistic_regression", "weighted_average", "gated")


def probabilities(rng, labels, skill):
    """Rows that point to the label, the more so the higher the skill."""
    logits = rng.standard_normal((len(labels), len(CLASSES)))
    logits[np.arange(len(labels)), labels] += skill
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def branch(seed, skill, shuffle=False, parts=("test", "validation", "training"), **card):
    """Predictions of 3 folds with 12 utterances in each part; labels do not depend on the seed."""
    rng = np.random.default_rng(seed)
    found = Predictions(CLASSES)
    for fold in range(FOLDS):
        keys = {
            "test": [f"k{fold}-{i:02d}" for i in range(12)],
            "validation": [f"k{(fold + 1) % FOLDS}-{i:02d}" for i in range(12)],
            "training": [f"k{(fold + 2) % FOLDS}-{i:02d}" for i in range(12)],
        }
        for part, names in keys.items():
            labels = [int(name[-2:]) % 3 for name in names]
            rows = probabilities(rng, labels, skill)
            order = rng.permutation(12) if shuffle else np.arange(12)
            if part in parts:
                emotions = [CLASSES[label] for label in labels]
                found.add(fold, part, [names[i] for i in order], [emotions[i] for i in order], rows[order])
        found.folds.append({"train": keys["training"], "validation": keys["validation"], "test": keys["test"]})
    found.card = {
        "corpus": "toy",
        "protocol": {"scheme": "leave_one_speaker_out"},
        "speaker_dependent": False,
        "seed": 0,
        "random_backbone": False,
        **card,
    }
    return found


def params(**options):
    return FusionParams(first="a", second="b", **options)


def by_key(found, part="test"):
    return {(found.fold[i], found.keys[i]): found.rows[i] for i in found.where(part)}


def stacked(a, b, part, fold):
    """[p_a; p_b] and labels of one part of one fold, aligned by key, by hand."""
    first, second = by_key(a, part), by_key(b, part)
    places = [place for place in first if place[0] == fold]
    table = np.array([[*first[place], *second[place]] for place in places])
    return table, [int(key[-2:]) % 3 for _, key in places], places


# --- the methods ---


@pytest.mark.parametrize("c", [0.1, 1.0])
@pytest.mark.parametrize("part", ["training", "validation"])
def test_logistic_regression_is_scikit_learns(part, c):
    a, b = branch(1, 1.0), branch(2, 1.5)
    fused = by_key(fuse("f", params(fit_on=part, c=c), a, b))
    assert len(fused) == 36
    for fold in range(FOLDS):
        table, labels, _ = stacked(a, b, part, fold)
        model = LogisticRegression(C=c, max_iter=1000).fit(table, labels)
        tested, _, places = stacked(a, b, "test", fold)
        found = np.array([fused[place] for place in places])
        np.testing.assert_allclose(found, model.predict_proba(tested), atol=1e-9)


def test_logistic_regression_on_the_other_folds_test_parts():
    a, b = branch(1, 1.0), branch(2, 1.5)
    fused = by_key(fuse("f", params(fit_on="other_folds"), a, b))
    for fold in range(FOLDS):
        others = [stacked(a, b, "test", other)[:2] for other in range(FOLDS) if other != fold]
        table, labels = (np.concatenate(parts) for parts in zip(*others, strict=True))
        model = LogisticRegression(max_iter=1000).fit(table, labels)
        tested, _, places = stacked(a, b, "test", fold)
        np.testing.assert_allclose([fused[place] for place in places], model.predict_proba(tested), atol=1e-9)


def test_logistic_regression_gives_nothing_to_a_class_it_never_met():
    rng = np.random.default_rng(0)
    y = np.array([0, 2] * 10)
    first, second = probabilities(rng, y, 2), probabilities(rng, y, 2)
    found = logistic_regression(first, second, y, 1.0)(first, second)
    assert found.shape == (20, 3)
    assert not found[:, 1].any()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == y).mean() > 0.8


def one_hot(labels):
    return np.eye(3)[labels]


@pytest.mark.parametrize(
    ("first", "second", "weight"),
    [
        ([0, 1, 2, 0], [1, 2, 0, 1], 0.55),  # only the first is right: any weight over one half
        ([1, 2, 0, 1], [0, 1, 2, 0], 0.45),
        ([0, 1, 2, 0], [0, 1, 2, 0], 0.5),
    ],
)
def test_weighted_average_takes_the_weight_nearest_one_half_among_the_best(first, second, weight):
    y = np.array([0, 1, 2, 0])
    fused = weighted_average(one_hot(first), one_hot(second), y)
    p, q = np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 1.0, 0.0]])
    np.testing.assert_allclose(fused(p, q), [[weight, 1 - weight, 0]])


def test_weighted_average_takes_the_best_weight():
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 60)
    first, second = probabilities(rng, y, 0.7), probabilities(rng, y, 1.2)
    fused = weighted_average(first, second, y)(first, second)
    every = [((w * first + (1 - w) * second).argmax(axis=1) == y).mean() for w in np.linspace(0, 1, 21)]
    assert (fused.argmax(axis=1) == y).mean() == max(every) > max(every[0], every[-1])


@pytest.mark.parametrize("units", [0, 3])
def test_the_gates_gradient_is_its_losss(units):
    rng = np.random.default_rng(1)
    z, first, second = rng.standard_normal((9, 4)), rng.uniform(0.05, 1, 9), rng.uniform(0.05, 1, 9)
    at = rng.standard_normal(1 + (units or 4) + 5 * units)
    gradient = Gate(4, units, at).loss(z, first, second, 0.3)[1]
    for i, slope in enumerate(gradient):
        step = np.zeros(len(at))
        step[i] = 1e-6
        up, down = (Gate(4, units, at + sign * step).loss(z, first, second, 0.3)[0] for sign in (1, -1))
        assert slope == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-6)


def test_the_gates_loss_by_hand():
    parameters = np.array([0.3, 1.0, -2.0, 0.1, 0.5, -0.7])  # a, v, then b and U of the second one's single unit
    z, first, second = np.array([[0.2, -0.4]]), np.array([0.9]), np.array([0.2])
    weight = 1 / (1 + np.exp(-(0.3 + 0.2 * 1.0 + 0.4 * 2.0)))
    wanted = -np.log(weight * 0.9 + (1 - weight) * 0.2) + (1 + 4) / (2 * 0.5)
    assert Gate(2, 0, parameters[:3]).loss(z, first, second, 0.5)[0] == pytest.approx(wanted)
    parameters = np.array([0.3, 1.0, 0.1, 0.5, -0.7])
    weight = 1 / (1 + np.exp(-(0.3 + np.tanh(0.1 + 0.2 * 0.5 + 0.4 * 0.7))))
    wanted = -np.log(weight * 0.9 + (1 - weight) * 0.2) + (1 + 0.25 + 0.49) / (2 * 0.5)
    assert Gate(2, 1, parameters).loss(z, first, second, 0.5)[0] == pytest.approx(wanted)


@pytest.mark.parametrize("units", [0, 4])
def test_the_gate_weighs_each_utterance_by_who_is_right_about_its_like(units):
    """The first branch knows sad and is wrong about the rest, the second knows the rest and is wrong about sad."""
    rng = np.random.default_rng(4)
    y = rng.integers(0, 3, 300)
    first, second = np.empty((300, 3)), np.empty((300, 3))
    for i, label in enumerate(y):
        wrong = (label + 1) % 2 if label < 2 else int(rng.integers(2))
        first[i] = np.where(np.arange(3) == (label if label == 2 else wrong), 0.9, 0.05)
        second[i] = np.where(np.arange(3) == (wrong if label == 2 else label), 0.6, 0.2)
    fused = gated(first, second, y, 10.0, units)(first, second)
    np.testing.assert_allclose(fused.sum(axis=1), 1)
    assert (fused.argmax(axis=1) == y).mean() == 1
    assert (weighted_average(first, second, y)(first, second).argmax(axis=1) == y).mean() < 1
    weight = (fused - second)[:, 0] / (first - second)[:, 0]
    assert weight.min() > 0
    assert weight.max() < 1
    assert weight[y == 2].min() > 0.5 > weight[y != 2].max()


def test_a_gate_held_back_leaves_one_half_and_a_useless_branch_gets_little():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 3, 90)
    first, second = probabilities(rng, y, 2.0), rng.dirichlet(np.ones(3), 90)
    # Only the bias is free of the penalty: it says how much either branch counts on the whole.
    held = fit_gate(np.hstack([first, second]) - 1 / 3, *(p[np.arange(90), y] for p in (first, second)), 1e-9)
    weights = held.weigh(np.hstack([first, second]) - 1 / 3)[0]
    assert weights.max() - weights.min() < 1e-6
    assert weights.min() > 0.7
    same = gated(first, first, y, 1.0)(first, first)
    np.testing.assert_allclose(same, first)


def test_the_gates_hidden_units_start_from_the_seed():
    a, b = branch(1, 1.0), branch(2, 1.5)

    def rows(seed, **options):
        a.card["seed"] = seed
        return np.array(fuse("f", params(method="gated", **options), a, b).rows)

    np.testing.assert_array_equal(rows(0, gate_units=4), rows(0, gate_units=4))
    assert np.abs(rows(0, gate_units=4) - rows(1, gate_units=4)).max() > 1e-6
    np.testing.assert_array_equal(rows(0), rows(1))


# --- what it is fitted on ---


def perturbed(found, part, fold, labels=True):
    """The same, with other probabilities (and labels) in one part of one fold."""
    rng = np.random.default_rng(99)
    for i in found.where(part, fold):
        found.rows[i] = rng.dirichlet(np.ones(3))
        if labels:
            found.emotions[i] = CLASSES[(CLASSES.index(found.emotions[i]) + 1) % 3]
    return found


def rows_of(fused, fold):
    return np.array([fused.rows[i] for i in fused.where("test", fold)])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fit_on", FIT_ON)
def test_a_folds_test_labels_never_change_its_own_fusion(method, fit_on):
    a, b = branch(1, 1.0), branch(2, 1.5)
    before = fuse("f", params(method=method, fit_on=fit_on), a, b)
    for fold in range(FOLDS):
        wrong = branch(1, 1.0)
        for i in wrong.where("test", fold):
            wrong.emotions[i] = CLASSES[(CLASSES.index(wrong.emotions[i]) + 1) % 3]
        after = fuse("f", params(method=method, fit_on=fit_on), wrong, b)
        np.testing.assert_array_equal(rows_of(after, fold), rows_of(before, fold))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fit_on", FIT_ON)
def test_a_folds_test_probabilities_change_no_other_row_of_that_fold(method, fit_on):
    before = fuse("f", params(method=method, fit_on=fit_on), branch(1, 1.0), branch(2, 1.5))
    for fold in range(FOLDS):
        changed = branch(1, 1.0)
        first = changed.where("test", fold)[0]
        changed.rows[first] = np.array([0.98, 0.01, 0.01])
        after = fuse("f", params(method=method, fit_on=fit_on), changed, branch(2, 1.5))
        np.testing.assert_array_equal(rows_of(after, fold)[1:], rows_of(before, fold)[1:])


@pytest.mark.parametrize("fit_on", FIT_ON)
@pytest.mark.parametrize("part", ["test", "validation", "training"])
def test_it_is_fitted_on_the_part_that_fit_on_names_and_on_no_other(fit_on, part):
    before = fuse("f", params(fit_on=fit_on), branch(1, 1.0), branch(2, 1.5))
    after = fuse("f", params(fit_on=fit_on), perturbed(branch(1, 1.0), part, 1), branch(2, 1.5))
    changed = [not np.array_equal(rows_of(after, fold), rows_of(before, fold)) for fold in range(FOLDS)]
    if part == "test":  # its own rows are fused anew, and the other folds' fusions are fitted on them if asked for
        assert changed == [fit_on == "other_folds", True, fit_on == "other_folds"]
    else:
        assert changed == [False, part == fit_on, False]


# --- branches side by side ---


@pytest.mark.parametrize("fit_on", FIT_ON)
def test_rows_of_the_second_branch_may_stand_in_any_order(fit_on):
    plain, shuffled = branch(2, 1.5), branch(2, 1.5)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(shuffled.keys))
    for name in ("fold", "part", "keys", "emotions", "rows"):
        setattr(shuffled, name, [getattr(plain, name)[i] for i in order])
    shuffled.folds = [{part: keys[::-1] for part, keys in fold.items()} for fold in plain.folds]
    a = branch(1, 1.0)
    first, second = (fuse("f", params(fit_on=fit_on), a, b) for b in (plain, shuffled))
    assert first.keys == second.keys
    np.testing.assert_array_equal(first.rows, second.rows)
    assert first.folds == second.folds


def test_the_fusion_carries_folds_labels_and_warnings_of_both_branches():
    a, b = branch(1, 1.0), branch(2, 1.0, random_backbone=True)
    b.folds[0]["train"] = [*b.folds[0]["train"], "k2-00@10dB"]
    found = fuse("f", params(fit_on="validation"), a, b)
    assert found.folds[0]["train"] == sorted([*a.folds[0]["train"], "k2-00@10dB"])
    assert set(found.part) == {"test"}
    assert found.labels(found.where("test")).tolist() == [int(key[-2:]) % 3 for key in found.keys]
    assert found.card["random_backbone"]
    assert not found.card["transductive"]
    assert fuse("f", params(), a, branch(2, 1.0, transductive=True)).card["transductive"]
    assert found.card["name"] == "f"
    assert found.card["inputs"] == {"first": "a", "second": "b"}
    assert found.card["params"]["fit_on"] == "validation"
    assert {found.card[key] for key in ("corpus", "speaker_dependent", "seed")} == {"toy", 0}


def test_one_weight_is_chosen_on_validation_unless_said_otherwise():
    assert [params(method=method).fit_on for method in METHODS] == ["training", "validation", "training"]
    assert params(method="weighted_average", fit_on="other_folds").fit_on == "other_folds"


def test_two_better_than_one():
    a, b = branch(1, 1.2), branch(2, 1.2)
    right = [
        (found.probabilities(rows).argmax(axis=1) == found.labels(rows)).mean()
        for found in (a, b, fuse("f", params(), a, b))
        for rows in [found.where("test")]
    ]
    assert right[2] > max(right[:2])


# --- what cannot be ---


@pytest.mark.parametrize("without", ["both", "first", "second"])
@pytest.mark.parametrize("part", ["training", "validation"])
def test_no_probabilities_to_fit_on(without, part):
    kept = [p for p in ("test", "validation", "training") if p != part]
    a = branch(1, 1.0, parts=kept) if without in ("both", "first") else branch(1, 1.0)
    b = branch(2, 1.0, parts=kept) if without in ("both", "second") else branch(2, 1.0)
    b.card["name"] = "b"
    with pytest.raises(UserError, match=f"{'b: has' if without == 'second' else 'f:'} no {part} probabilities"):
        fuse("f", params(fit_on=part), a, b)


def test_the_cure_for_no_training_probabilities_is_named():
    kept = ("test", "validation")
    with pytest.raises(UserError, match="take a protocol with inner_folds, or fit_on: validation"):
        fuse("f", params(), branch(1, 1.0, parts=kept), branch(2, 1.0, parts=kept))


def test_one_fold_has_no_other_folds():
    a, b = branch(1, 1.0), branch(2, 1.0)
    for found in (a, b):
        found.folds = found.folds[:1]
        keep = [i for i, fold in enumerate(found.fold) if fold == 0]
        for name in ("fold", "part", "keys", "emotions", "rows"):
            setattr(found, name, [getattr(found, name)[i] for i in keep])
    with pytest.raises(UserError, match=r"no other_folds probabilities.*more folds"):
        fuse("f", params(fit_on="other_folds"), a, b)


def test_differing_folds_are_refused():
    a, b = branch(1, 1.0), branch(2, 1.0)
    b.folds[1]["test"] = b.folds[1]["test"][:-1]
    with pytest.raises(UserError, match="a and b differ in emotions or folds"):
        fuse("f", params(), a, b)


def test_differing_emotions_are_refused():
    a, b = branch(1, 1.0), branch(2, 1.0)
    b.classes = ["angry", "happy", "neutral"]
    with pytest.raises(UserError, match="a and b differ in emotions or folds"):
        fuse("f", params(), a, b)


@pytest.mark.parametrize("wrong", [{"method": "median"}, {"fit_on": "test"}, {"c": 0}, {"gate_units": -1}])
def test_wrong_params_are_refused(wrong):
    with pytest.raises(ParamsError, match=f"fusions.f.{next(iter(wrong))}"):
        validate(FusionParams, {"first": "a", "second": "b", **wrong}, "fusions.f")
