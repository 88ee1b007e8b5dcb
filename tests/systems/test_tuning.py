"""Tuning goes on from trained weights, and changes nothing but the part that is asked for."""

import numpy as np
import pytest
import torch
from every_system import files_of, tiny_params, write_every_role
from feature_files import corpus

from pipeline.errors import DataError, UserError
from pipeline.experiments.experiment import groups_of
from pipeline.systems import systems
from pipeline.systems.mlp import MLP
from pipeline.systems.regression import find_regressor
from pipeline.systems.regression.agreement import squared_error
from pipeline.systems.soft_labels import SoftLabels
from pipeline.systems.view import View

ROWS = corpus(speakers=4)
LABELS = [row.emotion for row in ROWS]
NEURAL = [name for name, entry in systems().items() if entry.neural]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_every_role(tmp_path_factory.mktemp("features"), [row.key for row in ROWS])


def viewed(name, files):
    sources = {role: [file] for role, file in files_of(name, files).items()}
    return View([row.key for row in ROWS], sources, groups_of(ROWS))


def tensors(model):
    return {name: value.clone() for name, value in model.nets_[0].module_.state_dict().items()}


def changed(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("name", NEURAL)
def test_only_the_part_that_is_tuned_changes(name, files, tmp_path):
    X, system = viewed(name, files), systems()[name].load()
    trained = system(**tiny_params(name)).fit(X, LABELS)
    trained.save(tmp_path / "model")
    for part in (*systems()[name].parts, "all"):
        model = system(**tiny_params(name)).load(tmp_path / "model", X, trained.classes_.tolist())
        before, network = tensors(model), model.nets_[0].module_
        modules = model.parts["head"] + (model.parts[part] if part not in ("head", "all") else ())
        names = tuple("layers.1" if module == "layers.-1" else module for module in modules)
        moved = changed(before, tensors(model.tune(X[:8], LABELS[:8], part)))
        assert any(name.startswith(names) for name in moved)
        assert not any("standardize" in name for name in moved)
        assert part == "all" or all(name.startswith(names) for name in moved)
        assert all(p.requires_grad for n, p in network.named_parameters() if "frontend" not in n)
        model.save(tmp_path / part)
        loaded = system(**tiny_params(name)).load(tmp_path / part, X, model.classes_.tolist())
        assert not changed(tensors(model), tensors(loaded))


def test_a_seed_tunes_to_the_same_weights_and_the_curve_is_of_the_tuning(files, tmp_path):
    X = viewed("mlp", files)
    MLP(epochs=3, patience=0).fit(X, LABELS).save(tmp_path / "model")

    def tuned(seed):
        model = MLP(epochs=2, patience=0, seed=seed).load(tmp_path / "model", X, sorted({*LABELS}))
        return model.tune(X[:8], LABELS[:8])

    assert len(tuned(1).history_) == 2
    assert not changed(tensors(tuned(1)), tensors(tuned(1)))
    assert changed(tensors(tuned(1)), tensors(tuned(2)))


def test_what_cannot_be_tuned_is_named(files):
    X = viewed("mlp", files)
    model = MLP(epochs=1, patience=0).fit(X, LABELS)
    with pytest.raises(UserError, match="fusion is no part of this network; it has head, all"):
        model.tune(X, LABELS, "fusion")
    with pytest.raises(DataError, match="'bored' is tuned on but not trained on"):
        model.tune(X, ["bored"] * len(X))


def test_balanced_weights_do_without_the_classes_that_a_share_lacks(files):
    X = viewed("mlp", files)
    model = MLP(epochs=1, patience=0, class_weights="balanced").fit(X, LABELS)
    some = [i for i, label in enumerate(LABELS) if label != "sad"]
    assert model.tune(X[some], [LABELS[i] for i in some]).classes_.tolist() == sorted({*LABELS})


def test_shares_of_one_class_tune_as_labels_do_and_others_otherwise(files):
    X, classes = viewed("mlp", files), sorted({*LABELS})
    certain = np.eye(len(classes))[[classes.index(label) for label in LABELS]]

    def tuned(y):
        model = MLP(epochs=2, patience=0).fit(X, LABELS)
        return model.tune(X, y).predict_proba(X)

    hard = tuned(LABELS)
    assert tuned(SoftLabels(classes, certain, LABELS)) == pytest.approx(hard, abs=1e-5)
    unsure = (certain + 1 / len(classes)) / 2
    assert tuned(SoftLabels(classes, unsure, LABELS)).max() < hard.max()
    more = SoftLabels([*classes, "zzz"], np.column_stack([0.9 * certain, np.full(len(X), 0.1)]), LABELS)
    with pytest.raises(DataError, match="'zzz' is tuned on but not trained on"):
        tuned(more)
    lacking = SoftLabels([*classes, "zzz"], np.column_stack([certain, np.zeros(len(X))]), LABELS)
    assert tuned(lacking) == pytest.approx(hard, abs=1e-5)


# Numbers


NUMBERS = np.random.default_rng(0).uniform(1, 5, (len(ROWS), 2))


@pytest.mark.parametrize("name", NEURAL)
def test_only_the_part_that_is_tuned_changes_of_a_regressor(name, files, tmp_path):
    X, kind = viewed(name, files), find_regressor(name)
    params = {param: value for param, value in tiny_params(name).items() if param in kind.Params.model_fields}
    kind(**params).fit(X, NUMBERS).save(tmp_path / "model")
    for part in (*systems()[name].parts, "all"):
        model = kind(**params).load(tmp_path / "model", X, 2)
        before = tensors(model)
        modules = model.parts["head"] + (model.parts[part] if part not in ("head", "all") else ())
        names = tuple(f"network.{'layers.1' if module == 'layers.-1' else module}" for module in modules)
        moved = changed(before, tensors(model.tune(X[:8], NUMBERS[:8], part)))
        assert any(name.startswith(names) for name in moved)
        assert not any("standardize" in name or name in ("mean", "deviation") for name in moved)
        assert part == "all" or all(name.startswith(names) for name in moved)
        model.save(tmp_path / part)
        loaded = kind(**params).load(tmp_path / part, X, 2)
        assert not changed(tensors(model), tensors(loaded))


def test_tuned_numbers_come_nearer_to_those_of_the_share(files):
    X, kind = viewed("mlp", files), find_regressor("mlp")
    model = kind(epochs=3, loss="mse").fit(X, NUMBERS)
    before = squared_error(model.predict(X), NUMBERS + 2)
    model.set_params(epochs=40, learning_rate=0.01)
    assert (squared_error(model.tune(X, NUMBERS + 2).predict(X), NUMBERS + 2) < before / 2).all()
    assert len(model.history_) == 40
    assert not find_regressor("probe").tunes


def test_what_a_regressor_cannot_be_tuned_on_is_named(files):
    X = viewed("mlp", files)
    model = find_regressor("mlp")(epochs=1).fit(X, NUMBERS)
    with pytest.raises(UserError, match="fusion is no part of this network; it has head, all"):
        model.tune(X, NUMBERS, "fusion")
    with pytest.raises(DataError, match="y has 1 targets, and MLPRegressor was trained on 2"):
        model.tune(X, NUMBERS[:, :1])


@pytest.mark.parametrize(
    ("y", "part", "says"),
    [
        (NUMBERS, "all", "y has 2 targets, and MLPRegressor was trained on 1"),
        (NUMBERS[:, :1], "fusion", "fusion is no part of this network"),
    ],
)
def test_a_regressor_that_cannot_be_tuned_predicts_as_before(files, y, part, says):
    X = viewed("mlp", files)
    model = find_regressor("mlp")(epochs=1).fit(X, NUMBERS[:, 0])
    before = model.predict(X)
    with pytest.raises(UserError, match=says):
        model.tune(X, y, part)
    np.testing.assert_array_equal(model.predict(X), before)
    assert before.shape == (16,)
