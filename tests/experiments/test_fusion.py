"""Decision fusion: equal to scikit-learn's by hand, and never fitted on the part it is tested on."""

import numpy as np
import pytest
from branches import CLASSES, FOLDS, branch, by_key, rows_of, stacked
from sklearn.linear_model import LogisticRegression

from pipeline.config.fusions import FusionParams
from pipeline.errors import ParamsError, UserError
from pipeline.experiments import fusion
from pipeline.strict import validate

FIT_ON = ("training", "validation", "other_folds")
METHODS = ("logistic_regression", "weighted_average", "gated", "stacking")


def params(of="ab", **options):
    if options.get("method") == "stacking":
        options |= {"classifier": "GaussianNB"}
    return FusionParams(of=list(of), **options)


def fuse(settings, *branches):
    """The fusion `f` of these branches, named a, b, c, ..."""
    return fusion.fuse("f", settings, dict(zip("abcd", branches, strict=False)))


# --- the methods, aligned by key ---


@pytest.mark.parametrize("c", [0.1, 1.0])
@pytest.mark.parametrize("part", ["training", "validation"])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_logistic_regression_is_scikit_learns(part, c, count):
    branches = [branch(seed, 1.0 + seed / 5, shuffle=bool(seed)) for seed in range(count)]
    fused = by_key(fuse(params("abcd"[:count], fit_on=part, c=c), *branches))
    assert len(fused) == 36
    for fold in range(FOLDS):
        table, labels, _ = stacked(branches, part, fold)
        model = LogisticRegression(C=c, max_iter=1000).fit(table, labels)
        tested, _, places = stacked(branches, "test", fold)
        found = np.array([fused[place] for place in places])
        np.testing.assert_allclose(found, model.predict_proba(tested), atol=1e-9)


def test_logistic_regression_on_the_other_folds_test_parts():
    a, b = branch(1, 1.0), branch(2, 1.5)
    fused = by_key(fuse(params(fit_on="other_folds"), a, b))
    for fold in range(FOLDS):
        others = [stacked([a, b], "test", other)[:2] for other in range(FOLDS) if other != fold]
        table, labels = (np.concatenate(parts) for parts in zip(*others, strict=True))
        model = LogisticRegression(max_iter=1000).fit(table, labels)
        tested, _, places = stacked([a, b], "test", fold)
        np.testing.assert_allclose([fused[place] for place in places], model.predict_proba(tested), atol=1e-9)


def test_the_gates_hidden_units_start_from_the_seed():
    a, b = branch(1, 1.0), branch(2, 1.5)

    def rows(seed, **options):
        a.card["seed"] = seed
        found = fuse(params(method="gated", **options), a, b)
        return found.probabilities(found.where("test"))

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


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fit_on", FIT_ON)
def test_a_folds_test_labels_never_change_its_own_fusion(method, fit_on):
    a, b = branch(1, 1.0), branch(2, 1.5)
    before = fuse(params(method=method, fit_on=fit_on), a, b)
    for fold in range(FOLDS):
        wrong = branch(1, 1.0)
        for i in wrong.where("test", fold):
            wrong.emotions[i] = CLASSES[(CLASSES.index(wrong.emotions[i]) + 1) % 3]
        after = fuse(params(method=method, fit_on=fit_on), wrong, b)
        np.testing.assert_array_equal(rows_of(after, fold), rows_of(before, fold))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fit_on", FIT_ON)
def test_a_folds_test_probabilities_change_no_other_row_of_that_fold(method, fit_on):
    before = fuse(params(method=method, fit_on=fit_on), branch(1, 1.0), branch(2, 1.5))
    for fold in range(FOLDS):
        changed = branch(1, 1.0)
        first = changed.where("test", fold)[0]
        changed.rows[first] = np.array([0.98, 0.01, 0.01])
        after = fuse(params(method=method, fit_on=fit_on), changed, branch(2, 1.5))
        np.testing.assert_array_equal(rows_of(after, fold)[1:], rows_of(before, fold)[1:])


@pytest.mark.parametrize("fit_on", FIT_ON)
@pytest.mark.parametrize("part", ["test", "validation", "training"])
def test_it_is_fitted_on_the_part_that_fit_on_names_and_on_no_other(fit_on, part):
    before = fuse(params(fit_on=fit_on), branch(1, 1.0), branch(2, 1.5))
    after = fuse(params(fit_on=fit_on), perturbed(branch(1, 1.0), part, 1), branch(2, 1.5))
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
    for name in ("fold", "part", "keys", "emotions", "speakers", "rows"):
        setattr(shuffled, name, [getattr(plain, name)[i] for i in order])
    shuffled.folds = [{part: keys[::-1] for part, keys in fold.items()} for fold in plain.folds]
    a = branch(1, 1.0)
    first, second = (fuse(params(fit_on=fit_on), a, b) for b in (plain, shuffled))
    assert first.keys == second.keys
    np.testing.assert_array_equal(first.rows, second.rows)
    assert first.folds == second.folds


def test_the_fusion_carries_folds_labels_and_warnings_of_both_branches():
    a, b = branch(1, 1.0), branch(2, 1.0, random_backbone=True)
    b.folds[0]["train"] = [*b.folds[0]["train"], "k2-00@10dB"]
    found = fuse(params(fit_on="validation"), a, b)
    assert found.folds[0]["train"] == sorted([*a.folds[0]["train"], "k2-00@10dB"])
    assert found.labels(np.arange(len(found.keys))).tolist() == [int(key[-2:]) % 3 for key in found.keys]
    assert found.card["random_backbone"]
    assert not found.card["transductive"]
    assert fuse(params(), a, branch(2, 1.0, transductive=True)).card["transductive"]
    assert found.card["name"] == "f"
    assert found.card["inputs"] == ["a", "b"]
    used = {"method": "logistic_regression", "fit_on": "validation", "c": 1.0, "solver": "lbfgs"}
    assert found.card["params"] == used
    assert {found.card[key] for key in ("corpus", "speaker_dependent", "seed")} == {"toy", 0}


def test_one_weight_is_chosen_on_validation_unless_said_otherwise():
    assert [params(method=method).fit_on for method in METHODS] == ["training", "validation", "training", "training"]
    assert params(method="weighted_average", fit_on="other_folds").fit_on == "other_folds"


def test_two_better_than_one():
    a, b = branch(1, 1.2), branch(2, 1.2)
    right = [
        (found.probabilities(rows).argmax(axis=1) == found.labels(rows)).mean()
        for found in (a, b, fuse(params(), a, b))
        for rows in [found.where("test")]
    ]
    assert right[2] > max(right[:2])


def without(found, part, keys, fold=None):
    """The same without the rows of these keys in a part, and in the folds' lists, of one fold or of all."""
    kept = [
        i
        for i, key in enumerate(found.keys)
        if not (found.part[i] == part and key in keys and fold in (None, found.fold[i]))
    ]
    for name in ("fold", "part", "keys", "emotions", "speakers", "rows"):
        setattr(found, name, [getattr(found, name)[i] for i in kept])
    return found


@pytest.mark.parametrize("part", ["training", "validation"])
def test_a_part_counts_as_far_as_all_branches_have_it(part):
    a, b, c = (branch(seed, 1.0 + seed / 5, shuffle=bool(seed)) for seed in range(3))
    every = [a.keys[i] for i in a.where(part, 1)]
    b, c = without(b, part, every[:2], 1), without(c, part, every[1:4], 1)
    found = fuse(params("abc", fit_on=part), a, b, c)
    table, labels = [], []
    for key in every[4:]:
        rows = [by_key(each, part)[1, key] for each in (a, b, c)]
        table.append(np.concatenate(rows))
        labels.append(int(key[-2:]) % 3)
    model = LogisticRegression(max_iter=1000).fit(table, labels)
    tested, _, places = stacked([a, b, c], "test", 1)
    fused = by_key(found)
    np.testing.assert_allclose([fused[place] for place in places], model.predict_proba(tested), atol=1e-9)
    assert [found.keys[i] for i in found.where(part, 1)] == every[4:]
    assert len(found.where(part, 0)) == 12


def test_who_validates_one_branch_and_trains_another_is_trained_on():
    """A system without epochs is trained on the validation part too, and has out-of-fold probabilities of it."""
    a, b = branch(1, 1.0), branch(2, 1.5)
    for fold in range(FOLDS):
        rows = b.where("validation", fold)
        for i in rows:
            b.part[i] = "training"
        b.folds[fold] = {
            "train": [*b.folds[fold]["train"], *b.folds[fold]["validation"]],
            "validation": [],
            "test": b.folds[fold]["test"],
        }
    for first, second in ((a, b), (b, a)):
        found = fuse(params(), first, second)
        assert set(found.part) == {"test", "training"}
        assert len(found.where("training")) == 36
        for fold in range(FOLDS):
            assert found.folds[fold]["train"] == sorted(b.folds[fold]["train"])
            assert found.folds[fold]["validation"] == []
        with pytest.raises(UserError, match=r"f: [ab] has no validation probabilities to fit on; take a protocol"):
            fuse(params(fit_on="validation"), first, second)


def test_a_part_that_no_utterance_is_in_for_all_branches_has_the_lacking_branch_named():
    a, b, c = (branch(seed, 1.0) for seed in range(3))
    every = [a.keys[i] for i in a.where("training", 1)]
    b, c = without(b, "training", every[:6], 1), without(c, "training", every[6:], 1)
    with pytest.raises(UserError, match="f: c has no training probabilities to fit on"):
        fuse(params("abc"), a, b, c)


@pytest.mark.parametrize("fit_on", FIT_ON)
@pytest.mark.parametrize("which", [0, 1])
def test_of_the_test_part_every_utterance_must_be_there(which, fit_on):
    branches = [branch(1, 1.0), branch(2, 1.5)]
    without(branches[which], "test", ["k1-03"])
    with pytest.raises(UserError, match=r"f: [ab] has no test probabilities of 'k1-03' in fold 1; run `dvc repro`"):
        fuse(params(fit_on=fit_on), *branches)


# --- what cannot be ---


@pytest.mark.parametrize("without", ["both", "first", "second"])
@pytest.mark.parametrize("part", ["training", "validation"])
def test_no_probabilities_to_fit_on(without, part):
    kept = [p for p in ("test", "validation", "training") if p != part]
    a = branch(1, 1.0, parts=kept) if without in ("both", "first") else branch(1, 1.0)
    b = branch(2, 1.0, parts=kept) if without in ("both", "second") else branch(2, 1.0)
    b.card["name"] = "b"
    with pytest.raises(UserError, match=f"f: {'b' if without == 'second' else 'a'} has no {part} probabilities"):
        fuse(params(fit_on=part), a, b)


def test_the_cure_for_no_training_probabilities_is_named():
    kept = ("test", "validation")
    with pytest.raises(UserError, match="take a protocol with inner_folds, or fit_on: validation"):
        fuse(params(), branch(1, 1.0, parts=kept), branch(2, 1.0, parts=kept))


def test_one_fold_has_no_other_folds():
    a, b = branch(1, 1.0), branch(2, 1.0)
    for found in (a, b):
        found.folds = found.folds[:1]
        keep = [i for i, fold in enumerate(found.fold) if fold == 0]
        for name in ("fold", "part", "keys", "emotions", "speakers", "rows"):
            setattr(found, name, [getattr(found, name)[i] for i in keep])
    with pytest.raises(UserError, match=r"no other_folds probabilities.*more folds"):
        fuse(params(fit_on="other_folds"), a, b)


def test_differing_folds_are_refused():
    a, b = branch(1, 1.0), branch(2, 1.0)
    b.folds[1]["test"] = b.folds[1]["test"][:-1]
    with pytest.raises(UserError, match="a and b differ in folds"):
        fuse(params(), a, b)


def test_differing_emotions_are_refused():
    a, b = branch(1, 1.0), branch(2, 1.0)
    b.classes = ["angry", "happy", "neutral"]
    with pytest.raises(UserError, match="a and b differ in emotions"):
        fuse(params(), a, b)


@pytest.mark.parametrize("wrong", [{"method": "median"}, {"fit_on": "test"}, {"c": 0}, {"gate_units": -1}])
def test_wrong_params_are_refused(wrong):
    with pytest.raises(ParamsError, match=f"fusions.f.{next(iter(wrong))}"):
        validate(FusionParams, {"of": ["a", "b"], **wrong}, "fusions.f")


@pytest.mark.parametrize(
    ("of", "says"),
    [([], "two branches or more"), (["a"], "two branches or more"), (["a", "b", "a"], "'a' stands twice")],
)
def test_a_fusion_has_two_branches_or_more_each_once(of, says):
    with pytest.raises(ParamsError, match=f"fusions.f.of: .*{says}"):
        validate(FusionParams, {"of": of}, "fusions.f")


def test_one_emotion_is_too_few_for_a_logistic_regression():
    a, b = branch(1, 1.0), branch(2, 1.0)
    for found in (a, b):
        found.emotions = ["sad"] * len(found.emotions)
    with pytest.raises(UserError, match="f: a logistic regression cannot be fitted on one emotion, all that training"):
        fuse(params(), a, b)
    assert len(fuse(params(method="weighted_average"), a, b).where("test")) == 36
