"""Regressors: how well numbers agree, what each system's network learns of them, and what they refuse."""

import numpy as np
import pytest
import torch
from every_system import files_of, tiny_params, write_every_role
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.utils.estimator_checks import check_estimator

from pipeline.errors import ParamsError
from pipeline.storage.source import Arrays
from pipeline.strict import validate
from pipeline.systems import systems
from pipeline.systems.layers.concordance import LOSSES
from pipeline.systems.regression import find_regressor, takes_targets
from pipeline.systems.regression.agreement import concordance, pearson, squared_error
from pipeline.systems.regression.ridge import ridge_path
from pipeline.systems.view import View

KEYS = [f"u{i:02d}" for i in range(16)]
GROUPS = {"speaker": {key: f"s{i % 4}" for i, key in enumerate(KEYS)}}
TAKEN = [name for name in systems() if takes_targets(name)]


def column(*values):
    return np.array(values, float)[:, None]


# Agreement


@pytest.mark.parametrize(
    ("predicted", "truth", "ccc"),
    [
        (column(1, 2, 3), column(2, 4, 6), 4 / 11),
        (column(1, 2, 3), column(1, 2, 3), 1),
        (column(3, 2, 1), column(1, 2, 3), -1),
        (column(2, 3, 4), column(1, 2, 3), 4 / 7),
        (column(2, 2, 2), column(1, 2, 3), 0),
        (column(2, 2), column(2, 2), 0),
        (column(2), column(1), 0),
        (column(*[0.1] * 3), column(*[0.1] * 3), 0),
    ],
)
def test_concordance_by_hand(predicted, truth, ccc):
    assert concordance(predicted, truth).tolist() == pytest.approx([ccc])


@pytest.mark.parametrize("count", [2, 3, 7, 10, 1001])
def test_constants_agree_in_nothing_however_they_are_rounded(count):
    same, varied = np.full((count, 1), 0.1), 0.3 + 1e-9 * np.arange(count, dtype=float)[:, None]
    for other in (same, 3 * same, varied):
        assert pearson(same, other).tolist() == pearson(other, same).tolist() == [0]
    assert concordance(same, same).tolist() == [0]
    assert pearson(varied, 5 * varied) == pytest.approx(1)
    assert concordance(varied, varied) == pytest.approx(1)


def test_agreement_is_of_each_target_and_of_no_scale():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(50, 3))
    predicted = truth + rng.normal(size=(50, 3))
    found, scale, shift = concordance(predicted, truth), [2, 1e-3, 1e4], [5, 0, -7]
    assert concordance(predicted * scale + shift, truth * scale + shift) == pytest.approx(found)
    assert (concordance(predicted + 1, truth) < found).all()
    assert (np.abs(found) <= np.abs(pearson(predicted, truth)) + 1e-12).all()
    assert pearson(predicted, truth) == pytest.approx(
        [np.corrcoef(predicted[:, i], truth[:, i])[0, 1] for i in range(3)]
    )
    assert squared_error(predicted, truth) == pytest.approx(((predicted - truth) ** 2).mean(axis=0))


def test_losses_are_the_scores():
    rng = np.random.default_rng(0)
    predicted, truth, scale = rng.normal(size=(9, 2)), rng.normal(size=(9, 2)), np.array([2.0, 0.5])
    tensors = [torch.from_numpy(each) for each in (predicted, truth)]
    losses = {name: float(LOSSES[name](torch.from_numpy(scale))(*tensors)) for name in LOSSES}
    assert losses["ccc"] == pytest.approx(1 - concordance(predicted, truth).mean())
    assert losses["mse"] == pytest.approx((squared_error(predicted, truth) / scale**2).mean())


def test_equal_numbers_give_a_loss_and_a_gradient_that_are_numbers():
    predicted = torch.ones(4, 1, requires_grad=True)
    LOSSES["ccc"](torch.ones(1))(predicted, torch.ones(4, 1)).backward()
    assert torch.isfinite(predicted.grad).all()


# Every system


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_every_role(tmp_path_factory.mktemp("features"), KEYS)


@pytest.mark.parametrize("name", TAKEN)
def test_every_system_is_trained_on_numbers_and_saved(files, name, tmp_path):
    X = View(KEYS, {role: [file] for role, file in files_of(name, files).items()}, GROUPS)
    Y = np.random.default_rng(0).normal(50, 7, (16, 2))
    kind = find_regressor(name)
    own = {param: value for param, value in tiny_params(name).items() if param in kind.Params.model_fields}
    model = kind(**own, seed=3)
    assert is_regressor(model)
    assert not is_classifier(model)
    model.fit(X, Y, validation=(X, Y))
    found = model.predict(X)
    assert found.shape == (16, 2)
    assert np.abs(found - 50).max() < 200
    model.save(tmp_path / "one")
    loaded = clone(model).load(tmp_path / "one", X[[0]], 2)
    np.testing.assert_array_equal(loaded.predict(X), found)
    if systems()[name].neural:
        assert [*model.history_[-1]] == ["epoch", "train_loss", "valid_loss", "valid_ccc"]


def test_a_seed_gives_the_same_numbers_again(files):
    X = View(KEYS, {"mfcc": [files[0]["mfcc"]]})
    Y = np.random.default_rng(0).normal(size=16)

    def predicted(seed):
        return find_regressor("mlp")(epochs=2, seed=seed).fit(X, Y).predict(X)

    assert predicted(0).shape == (16,)
    np.testing.assert_array_equal(predicted(0), predicted(0))
    assert (predicted(0) != predicted(1)).any()


# What is learnt


def loud(count, seed, speakers=6):
    """Utterances of noise whose level is their valence, on a scale from 1 to 5, and what they are; 4 frames each."""
    rng = np.random.default_rng(seed)
    valence = rng.uniform(1, 5, count)
    frames = [rng.normal(0, 0.1, (4, 3)).astype(np.float32) + np.float32(level) for level in valence]
    keys = [f"{seed}-{i}" for i in range(count)]
    groups = {"speaker": {key: f"s{i % speakers}" for i, key in enumerate(keys)}}
    return View(keys, {"mfcc": [Arrays({"values": frames}, keys=keys, extractor="mfcc")]}, groups), valence


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("pooled", {"alpha": 1.0}),
        ("probe", {}),
        ("mlp", {"epochs": 60, "dropout": 0.0, "weight_decay": 0.0}),
        ("mlp", {"epochs": 60, "dropout": 0.0, "weight_decay": 0.0, "loss": "mse"}),
    ],
)
def test_a_feature_that_carries_valence_is_read(name, params):
    (X, y), (new, truth) = loud(60, 0), loud(40, 1)
    found = find_regressor(name)(**params).fit(X, y).predict(new)
    assert concordance(found[:, None], truth[:, None]) > 0.95


def test_the_probe_chooses_its_penalty_and_says_so():
    X, y = loud(60, 0)
    noise = np.random.default_rng(5).normal(size=60)
    sure, unsure = (find_regressor("probe")(alphas=(1e-3, 1e6)).fit(X, each).choices() for each in (y, noise))
    assert sure["alpha"] == 1e-3
    assert {"alpha", "alpha lowest", "alpha highest"} == {*sure} == {*unsure}


def test_the_probe_finds_the_layer_that_knows(tmp_path):
    rng = np.random.default_rng(0)
    y = rng.normal(size=48)
    keys = [f"u{i}" for i in range(48)]
    layers = {f"layer_{k:02d}": [rng.normal(size=(3, 4)).astype(np.float32) for _ in keys] for k in (0, 1, 2)}
    layers["layer_01"] = [np.full((3, 4), value, np.float32) for value in y]
    X = View(keys, {"ssl": [Arrays(layers, keys=keys, extractor="ssl")]}, {"speaker": dict.fromkeys(keys, "s")})
    model = find_regressor("probe")(layers="each").fit(X, y)
    assert model.layers_ == (1,)
    assert model.choices()["layer"] == 1
    model.save(tmp_path / "m")
    loaded = clone(model).load(tmp_path / "m", X[[0]], 1)
    assert loaded.predict(X)[:, 0] == pytest.approx(model.predict(X))
    assert loaded.choices() == {"layer": 1}


def test_few_rows_give_the_solution_of_many_dimensions():
    rng = np.random.default_rng(0)
    table, targets = rng.normal(size=(6, 20)), rng.normal(size=(6, 2))
    centred = table - table.mean(axis=0)
    exact = np.linalg.solve(centred.T @ centred + 3 * np.eye(20), centred.T @ (targets - targets.mean(axis=0)))
    ((weight, bias),) = ridge_path(table, targets, [3.0])
    assert weight == pytest.approx(exact.T)
    assert bias == pytest.approx(targets.mean(axis=0) - table.mean(axis=0) @ exact)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["pooled", "probe"])
def test_scikit_learns_own_checks_pass(name):
    results = check_estimator(find_regressor(name)(), on_skip=None)
    assert len(results) > 40
    skipped = {each["check_name"] for each in results if each["status"] == "skipped"}
    assert skipped <= {"check_array_api_input", "check_regressor_data_not_an_array"}  # without an optional package


# Refusals


@pytest.mark.parametrize(
    ("name", "params", "problem"),
    [
        ("hump_cat", {"margin": 0.3}, "margin is of classes, and there are targets; leave it out"),
        ("mlp", {"class_weights": "balanced"}, "class_weights is of classes"),
        ("mlp", {"label_smoothing": 0.1}, "label_smoothing is of classes"),
        ("mlp", {"monitor": "valid_acc"}, "monitor: input should be 'valid_ccc' or 'valid_loss'"),
        ("mlp", {"loss": "ccd"}, "loss: input should be 'ccc' or 'mse'"),
        ("mlp", {"batch_size": 1}, "batch_size is 1, and one utterance has no CCC; give 2 or more, or loss: mse"),
        ("pooled", {"c": 1.0}, "c: unknown key"),
        ("probe", {"layers": "stacked"}, "layers: stacked is for classes"),
        ("probe", {"alphas": [3, 1]}, "alphas: must ascend"),
    ],
)
def test_params_that_numbers_cannot_have_are_refused(name, params, problem):
    with pytest.raises(ParamsError) as caught:
        validate(find_regressor(name).Params, params)
    assert problem in str(caught.value)


def test_a_system_without_a_regressor_names_those_with_one():
    with pytest.raises(ParamsError, match=r"svm takes no targets; those that do are ca_ser, caf, .*, pooled, probe,"):
        find_regressor("svm")


@pytest.mark.parametrize("y", [np.full(16, np.nan), np.zeros(3), np.array(["a"] * 16)])
def test_targets_that_are_none_are_refused(files, y):
    X = View(KEYS, {"mfcc": [files[0]["mfcc"]]})
    with pytest.raises(ValueError, match=r"NaN|16 utterances and y has 3 rows|could not convert"):
        find_regressor("pooled")().fit(X, y)
