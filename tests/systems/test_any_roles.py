"""Pooled, SVM and MLP read any set of features: one, hidden states by frames or pooled, all of them."""

import numpy as np
import pytest
from feature_files import write_features
from system_checks import KEYS, LABELS, check_learnt, check_saved

from pipeline.errors import UserError
from pipeline.systems import find_system
from pipeline.systems.functionals import describe, vectors
from pipeline.systems.view import View

pytestmark = pytest.mark.usefixtures("one_thread")

LAYERS = ("layer_01", "layer_09")
FAST = {
    "pooled": {"c": 100.0},
    "svm": {"c": 100.0},
    "mlp": {
        "epochs": 40,
        "batch_size": 8,
        "dropout": 0.0,
        "schedule": "constant",
        "weight_decay": 0.0,
        "learning_rate": 0.01,
    },
}
SETS = {
    "logmel": ("logmel",),
    "mfcc": ("mfcc",),
    "opensmile": ("opensmile",),
    "prosody": ("prosody",),
    "ssl": ("ssl",),
    "pooled ssl": ("pooled",),
    "prosody, ssl": ("prosody", "ssl"),
    "all": ("logmel", "mfcc", "opensmile", "prosody", "ssl"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    rng = np.random.default_rng(6)

    def frames(dims, scale=1.0, middle=0.0, most=20):
        return {key: rng.normal(middle, scale, (int(rng.integers(1, most)), dims)).astype(np.float32) for key in KEYS}

    def states(dims, most=20):
        lengths = {key: int(rng.integers(1, most)) for key in KEYS}
        return {
            key: {layer: rng.normal(100, 40, (n, dims)).astype(np.float16) for layer in LAYERS}
            for key, n in lengths.items()
        }

    return {
        "logmel": write_features(folder / "logmel.h5", frames(30, 15, -40), "logmel"),
        "mfcc": write_features(folder / "mfcc.h5", frames(13, 9), "mfcc"),
        "opensmile": write_features(folder / "opensmile.h5", frames(88, most=2), "opensmile"),
        "prosody": write_features(folder / "prosody.h5", frames(30, most=2), "prosody"),
        "ssl": write_features(folder / "ssl.h5", states(24), "ssl", layers=[1, 9], pool="none"),
        "pooled": write_features(folder / "pooled.h5", states(48, most=2), "ssl", layers=[1, 9], pool="mean_std"),
    }


def view(files, roles):
    return View(KEYS, {"ssl" if role == "pooled" else role: [files[role]] for role in roles})


def test_hidden_states_are_described_by_mean_and_deviation_layer_after_layer(files):
    found = vectors(view(files, ("ssl",)))
    assert found.shape == (16, 2 * 2 * 24)
    assert found.dtype == np.float64
    for i in range(16):
        rows = [files["ssl"].row(i, layer).astype(np.float64) for layer in LAYERS]
        wanted = np.concatenate([part for own in rows for part in (own.mean(axis=0), own.std(axis=0))])
        np.testing.assert_array_equal(found[i], wanted)


def test_sums_of_half_precision_have_room(tmp_path):
    states = {key: {"layer_01": np.full((2000, 3), 60000, np.float16)} for key in KEYS}
    found = vectors(View(KEYS, {"ssl": [write_features(tmp_path / "ssl.h5", states, "ssl")]}))
    np.testing.assert_array_equal(found, np.tile([float(np.float16(60000))] * 3 + [0.0] * 3, (16, 1)))


def test_states_that_are_pooled_already_are_taken_as_they_are(files):
    wanted = np.stack([np.hstack([files["pooled"].row(i, layer)[0] for layer in LAYERS]) for i in range(16)])
    np.testing.assert_array_equal(vectors(view(files, ("pooled",))), wanted)


def test_roles_stand_side_by_side_in_the_views_order(files):
    alone = {role: vectors(view(files, (role,))) for role in SETS["all"]}
    for roles in (SETS["all"], ("ssl", "mfcc")):
        np.testing.assert_array_equal(vectors(view(files, roles)), np.hstack([alone[role] for role in roles]))
    np.testing.assert_array_equal(alone["mfcc"][3], describe(files["mfcc"].row(3), "mfcc", {}))


@pytest.mark.slow
@pytest.mark.parametrize("roles", SETS.values(), ids=SETS)
@pytest.mark.parametrize("name", FAST)
def test_any_set_of_features_is_learnt_and_loaded(files, tmp_path, name, roles):
    X = view(files, roles)
    model = find_system(name).load()(**FAST[name]).fit(X, LABELS)
    check_learnt(model, X)
    check_saved(model, X, tmp_path)


def test_states_that_are_no_numbers_are_named(tmp_path):
    states = {key: {"layer_01": np.full((2, 3), np.nan if key == "u04" else 1, np.float16)} for key in KEYS}
    with pytest.raises(UserError, match=r"ssl\.h5: features of 'u04' are undefined"):
        vectors(View(KEYS, {"ssl": [write_features(tmp_path / "ssl.h5", states, "ssl")]}))


@pytest.mark.parametrize("name", FAST)
def test_the_registry_says_that_no_role_must_be_there(name):
    entry = find_system(name)
    assert (entry.roles, entry.optional) == ((), ("logmel", "mfcc", "opensmile", "prosody", "ssl"))
    assert entry.neural == (name == "mlp")
