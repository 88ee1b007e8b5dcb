"""Stacking: scikit-learn's classifiers, kept as arrays, to the last bit; and what cannot be kept is refused."""

import re

import numpy as np
import pytest
from branches import branch, rows_of
from safetensors.numpy import load, save
from sklearn.utils import all_estimators

from pipeline.config.fusions import FusionParams
from pipeline.config.stacking import CLASSIFIERS, make_classifier
from pipeline.errors import ParamsError, UserError
from pipeline.experiments.combiner import Examples
from pipeline.experiments.fusion import Fusion, fuse
from pipeline.experiments.stacking import Stacked, stacked
from pipeline.strict import validate

NEEDED = {
    "SGDClassifier": {"loss": "log_loss"},
    "QuadraticDiscriminantAnalysis": {"reg_param": 0.1},
    "LogisticRegressionCV": {"Cs": 2, "cv": 2},
    "MLPClassifier": {"hidden_layer_sizes": [7, 5], "max_iter": 60, "tol": 0.1},
}
VARIANTS = [
    *((name, NEEDED.get(name, {})) for name in CLASSIFIERS),
    ("MLPClassifier", {"hidden_layer_sizes": [4] * 11, "activation": "tanh", "max_iter": 60, "tol": 0.1}),
    ("MLPClassifier", {"hidden_layer_sizes": [], "max_iter": 60, "tol": 0.1}),
    ("KNeighborsClassifier", {"n_neighbors": 7, "weights": "distance", "metric": "cosine"}),
    ("KNeighborsClassifier", {"algorithm": "ball_tree", "p": 1}),
    ("LinearDiscriminantAnalysis", {"solver": "lsqr", "shrinkage": "auto"}),
    ("LogisticRegression", {"C": 0.1, "class_weight": "balanced"}),
    ("SGDClassifier", {"loss": "modified_huber"}),
    ("QuadraticDiscriminantAnalysis", {"solver": "eigen", "shrinkage": 0.1}),
]


def params(name, options=None, **more):
    return FusionParams(of=["a", "b"], method="stacking", classifier=name, classifier_params=options or {}, **more)


def examples(labels, count=60, classes=5):
    """Two branches of five classes, of which these are there."""
    rng = np.random.default_rng(0)
    y = np.array(labels)[np.arange(count) % len(labels)]
    branches = []
    for _ in range(2):
        logits = rng.standard_normal((count, classes))
        logits[np.arange(count), y] += 1.5
        branches.append(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    return Examples(branches, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("labels", [[0, 1, 2, 3, 4], [0, 3, 4], [1, 3]], ids=len)
@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_what_is_kept_gives_scikit_learns_probabilities_to_the_last_bit(name, options, labels):
    fitted = examples(labels)
    found = stacked(params(name, options), fitted, seed=3)
    again = Stacked.from_numbers(load(save(dict(found.numbers))), found.layout, params(name, options))
    codes = np.searchsorted(labels, fitted.y)
    own = make_classifier(name, options, 3).fit(np.hstack(fitted.branches), codes)
    wanted = np.zeros((60, 5))
    wanted[:, labels] = own.predict_proba(np.hstack(fitted.branches))
    np.testing.assert_array_equal(again(fitted.branches), wanted)
    np.testing.assert_array_equal(found(fitted.branches), wanted)


def test_the_seed_draws_what_is_drawn():
    fitted = examples([0, 1, 2])
    options = NEEDED["SGDClassifier"]
    one, same, other = (stacked(params("SGDClassifier", options), fitted, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.numbers["coef_"], same.numbers["coef_"])
    assert np.abs(one.numbers["coef_"] - other.numbers["coef_"]).max() > 1e-9


@pytest.mark.parametrize("fit_on", ["training", "validation", "other_folds"])
def test_a_fusion_of_it(fit_on):
    branches = {"a": branch(1, 1.0), "b": branch(2, 1.5)}
    found = fuse("f", params("LinearDiscriminantAnalysis", fit_on=fit_on), branches)
    assert found.card["params"]["classifier"] == "LinearDiscriminantAnalysis"
    assert found.card["system"] == "fusion (stacking, LinearDiscriminantAnalysis)"
    tested = found.where("test")
    assert (found.probabilities(tested).argmax(axis=1) == found.labels(tested)).mean() > 0.6
    if fit_on == "training":
        first, members = branches["a"], [rows_of(b, 0, "training") for b in branches.values()]
        rows = first.where("training", 0)
        own = make_classifier("LinearDiscriminantAnalysis", {}).fit(np.hstack(members), first.labels(rows))
        wanted = own.predict_proba(np.hstack([rows_of(b, 0) for b in branches.values()]))
        np.testing.assert_array_equal(rows_of(found, 0), wanted)


# --- what is refused before anything runs ---


def test_every_classifier_of_scikit_learn_is_kept_or_refused_with_the_list():
    for name, _ in all_estimators(type_filter="classifier"):
        if name in CLASSIFIERS:
            params(name, NEEDED.get(name))
        else:
            with pytest.raises(ParamsError, match=r"fusions\.f\.classifier: is no classifier that can be kept"):
                validate(FusionParams, {"of": ["a", "b"], "method": "stacking", "classifier": name}, "fusions.f")


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"classifier": "LogisticRegresion"}, "classifier: is no classifier that can be kept (did "
         "you mean 'LogisticRegression'?); known: LogisticRegression, SGDClassifier, "),
        ({}, "stacking needs a classifier, as classifier: LinearDiscriminantAnalysis"),
        ({"classifier": "MLPClassifier", "classifier_params": {"hidden_layers": [8]}}, "classifier_params: "
         "no param of MLPClassifier is 'hidden_layers' (did you mean 'hidden_layer_sizes'?); known: "),
        ({"classifier": "MLPClassifier", "classifier_params": {"alpha": -1}}, "classifier_params: the 'alpha' "
         "parameter of MLPClassifier must be a float in the range [0.0, inf). Got -1 instead"),
        ({"classifier": "MLPClassifier", "classifier_params": {"random_state": 1}}, "random_state cannot be given "
         "here; it is the seed"),
        ({"classifier": "KNeighborsClassifier", "classifier_params": {"n_jobs": 2}}, "n_jobs cannot be given here; "
         "leave it out"),
        ({"classifier": "KNeighborsClassifier", "classifier_params": {"metric_params": {"V": [1]}}}, "metric_params "
         "cannot be given here"),
        ({"classifier": "KNeighborsClassifier", "classifier_params": {"n_neighbors": "many"}}, "the 'n_neighbors' "
         "parameter"),
        ({"classifier": "SGDClassifier"}, "classifier_params: this loss gives no probabilities; take loss: log_loss"),
        ({"classifier": "GaussianNB", "c": 1.0}, "c is of no use to stacking; leave it out"),
        ({"classifier": "GaussianNB", "classifier_params": {"var_smoothing": float("nan")}}, "classifier_params: "),
    ],
)  # fmt: skip
def test_mistakes_in_params(entry, says):
    with pytest.raises(ParamsError, match=re.escape(says)) as raised:
        validate(FusionParams, {"of": ["a", "b"], "method": "stacking", **entry}, "fusions.f")
    assert str(raised.value).startswith("fusions.f")
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"classifier": "GaussianNB"}, "classifier is of no use to logistic_regression; leave it out"),
        ({"solver": "adam", "c": 1.0}, "c is of no use to solver adam; leave it out"),
        ({"epochs": 3}, "epochs is of no use to solver lbfgs; leave it out"),
        ({"method": "gated", "solver": "adam"}, "solver is of no use to gated; leave it out"),
        ({"method": "weighted_average", "learning_rate": 0.1}, "learning_rate is of no use to weighted_average"),
    ],
)
def test_params_of_another_method(entry, says):
    with pytest.raises(ParamsError, match=f"fusions.f: {says}"):
        validate(FusionParams, {"of": ["a", "b"], **entry}, "fusions.f")


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("LinearDiscriminantAnalysis", {"solver": "svd", "shrinkage": 0.5}, "shrinkage not supported"),
        ("KNeighborsClassifier", {"n_neighbors": 100}, "n_neighbors"),
        ("QuadraticDiscriminantAnalysis", {}, "not full rank"),
        ("MLPClassifier", {"hidden_layer_sizes": [0]}, "hidden_layer_sizes must be > 0"),
    ],
)
def test_what_a_classifier_refuses_of_the_data_is_said_with_the_fold(name, options, says):
    message = rf"f: in fold 0, {name} cannot be fitted: .*{says}.*; change classifier_params"
    with pytest.raises(UserError, match=message):
        fuse("f", params(name, options), {"a": branch(1, 1.0), "b": branch(2, 1.5)})


def alike(rows):
    return np.tile([0.5, 0.25, 0.25], (len(rows), 1))


def right(rows):
    """Of emotions in their order, as labels of a part are."""
    return np.eye(3)[np.arange(len(rows)) % 3]


def as_they_are(rows):
    return rows


@pytest.mark.parametrize("fit_on", ["training", "other_folds"])
@pytest.mark.parametrize(
    ("name", "options", "given", "says"),
    [
        ("LinearDiscriminantAnalysis", {}, right, "cannot be fitted: nothing is left to fit in branches that vary"),
        ("LinearDiscriminantAnalysis", {}, alike, "cannot be fitted: nothing is left to fit in branches that vary"),
        ("LinearDiscriminantAnalysis", {"tol": 2}, as_they_are, "cannot be fitted: nothing is left to fit"),
        ("GaussianNB", {}, alike, "what GaussianNB gives is no number"),
    ],
)
def test_branches_of_which_a_classifier_makes_nothing(name, options, given, says, fit_on):
    branches = {"a": branch(1, 1.0), "b": branch(2, 1.5)}
    for found in branches.values():
        found.rows = [*given(np.array(found.rows))]
    message = rf"^f: in fold 0, .*{says}.*; change classifier_params, or take another classifier$"
    with pytest.raises(UserError, match=message):
        fuse("f", params(name, options, fit_on=fit_on), branches)


def test_one_emotion_is_too_few():
    branches = {"a": branch(1, 1.0), "b": branch(2, 1.5)}
    for found in branches.values():
        found.emotions = ["sad"] * len(found.emotions)
    with pytest.raises(UserError, match="f: GaussianNB cannot be fitted on one emotion, all that training has in"):
        fuse("f", params("GaussianNB"), branches)


# --- what is not believed of a stranger ---


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("KNeighborsClassifier", {"codes": np.full(60, 7)}, "codes are not those of 3 classes"),
        ("KNeighborsClassifier", {"codes": np.full(60, -1)}, "codes are not those of 3 classes"),
        ("KNeighborsClassifier", {"codes": np.arange(60) / 20}, "codes are not those of 3 classes"),
        ("KNeighborsClassifier", {"codes": np.arange(59) % 3}, "inconsistent numbers of samples"),
        ("KNeighborsClassifier", {"rows": np.zeros((3, 10)), "codes": np.arange(3)}, "n_neighbors"),
        ("KNeighborsClassifier", {"rows": np.zeros((60, 9))}, r"rows has the shape \(60, 9\) and not \(any, 10\)"),
        ("MLPClassifier", {"coefs_.1": np.zeros((7, 6))}, r"coefs_\.1 has the shape \(7, 6\) and not \(7, 5\)"),
        ("QuadraticDiscriminantAnalysis", {"scalings_.1": np.ones(3)}, "broadcast"),
        ("GaussianNB", {"var_": np.full((3, 10), np.nan)}, "var_ has numbers that are not finite"),
        ("LinearDiscriminantAnalysis", {"coef_": np.zeros((3, 10), np.complex128)}, "coef_ is of type complex128"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_arrays_that_do_not_belong_together(name, change, says):
    chosen = params(name, NEEDED.get(name))
    found = stacked(chosen, examples([0, 1, 2]), 0)
    with pytest.raises(ValueError, match=says):
        Stacked.from_numbers({**found.numbers, **change}, found.layout, chosen)


def test_stacking_has_no_weights():
    fitted = Fusion("f", params("GaussianNB"), {"a": branch(1, 1.0), "b": branch(2, 1.5)})
    assert np.array(fitted.weights()).shape == (3, 0)
