"""The linear probe: scikit-learn's own search over the same vectors; layers chosen inside the training part."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.errors import DataError, ParamsError, UserError
from pipeline.storage.source import Arrays
from pipeline.systems.functionals import vectors
from pipeline.systems.probe import Probe
from pipeline.systems.view import View

KEYS = [f"u{i:02d}" for i in range(48)]
LABELS = np.array(["angry", "happy", "sad"])[np.arange(48) % 3]
SPEAKERS = {key: f"s{i // 12}" for i, key in enumerate(KEYS)}
WIDTH = 40
GRID = (0.001, 0.01, 0.1)


def states(signal, seed):
    """A row for each utterance, in which the classes lie as far apart as `signal` says."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((3, WIDTH))
    return [(signal * centres[i % 3] + rng.standard_normal(WIDTH))[None].astype(np.float32) for i in range(48)]


@pytest.fixture
def X():
    """Three layers, of which the second tells the classes apart; and a vector of other features."""
    layers = {f"layer_{number:02d}": states(signal, number) for number, signal in ((0, 0.0), (3, 0.8), (12, 0.1))}
    ssl = Arrays(layers, keys=KEYS, extractor="ssl", params={"pool": "mean_std"})
    prosody = Arrays({"values": states(0.2, 7)}, keys=KEYS, extractor="prosody")
    return View(KEYS, {"ssl": [ssl], "prosody": [prosody]}, {"speaker": SPEAKERS})


def search(table):
    """scikit-learn's own."""
    codes, speakers = np.unique(LABELS, return_inverse=True)[1], [SPEAKERS[key] for key in KEYS]
    folds = [*StratifiedGroupKFold(4).split(codes, codes, speakers)]
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=10_000, tol=1e-6))
    grid = {"logisticregression__C": GRID}
    return GridSearchCV(model, grid, cv=folds, scoring="balanced_accuracy").fit(table, LABELS)


@pytest.mark.parametrize("layers", ["all", 3, (0, 12)])
@pytest.mark.parametrize("roles", [["ssl"], ["ssl", "prosody"]])
def test_it_is_scikit_learns_search_over_the_same_vectors(X, layers, roles):
    probe = Probe(layers=layers, c=GRID).fit(X.only(roles), LABELS)
    names = {"all": [0, 1, 2], 3: [1], (0, 12): [0, 2]}[layers]
    table = vectors(X.only(["ssl"])).reshape(48, 3, WIDTH)[:, names].reshape(48, -1)
    table = np.hstack([table, vectors(X.only(["prosody"]))]) if "prosody" in roles else table
    theirs = search(table)
    assert probe.c_ == theirs.best_params_["logisticregression__C"]
    np.testing.assert_allclose(probe.predict_proba(X.only(roles)), theirs.predict_proba(table), atol=2e-3)


def test_of_each_layer_inner_folds_choose_one(X):
    probe = Probe(layers="each", c=GRID).fit(X, LABELS)
    assert probe.layers_ == (3,)
    assert probe.choices() == {"layer": 3, "C": probe.c_, "C lowest": 0.001, "C highest": 0.1}
    variants = probe.variants(X)
    assert [*variants] == ["0", "3", "12"]
    np.testing.assert_allclose(variants["3"], probe.predict_proba(X), atol=1e-12)
    alone = Probe(layers=12, c=GRID).fit(X, LABELS)
    np.testing.assert_allclose(variants["12"], alone.predict_proba(X), atol=1e-12)


def test_a_loaded_probe_says_nothing_of_a_strength_that_it_does_not_know(X, tmp_path):
    Probe(layers="each", c=GRID).fit(X, LABELS).save(tmp_path / "m")
    assert Probe(layers="each", c=GRID).load(tmp_path / "m", X, sorted({*LABELS})).choices() == {}


def test_labels_of_others_than_the_training_part_are_not_looked_at(X):
    part = X[:36]
    one, other = (Probe(layers="each", c=GRID).fit(part, LABELS[:36]) for _ in range(2))
    assert one.layers_ == other.layers_
    np.testing.assert_array_equal(one.predict_proba(X[36:]), other.predict_proba(X[36:]))


def test_a_saved_probe_is_the_same_to_the_last_bit(X, tmp_path):
    probe = Probe(layers="each", c=GRID, normalisation="per_speaker").fit(X, LABELS)
    probe.save(tmp_path / "probe")
    loaded = Probe(layers="each", c=GRID, normalisation="per_speaker").load(tmp_path / "probe", X, probe.classes_)
    np.testing.assert_array_equal(loaded.predict_proba(X), probe.predict_proba(X))
    assert loaded.layers_ == (3,)
    assert loaded.variants(X) == {}


def test_without_folds_it_takes_the_middle(X):
    probe = Probe(layers="each", c=GRID).fit(X[:3], LABELS[:3])
    assert (probe.layers_, probe.c_) == ((3,), 0.01)


def test_two_classes(X):
    chosen = np.flatnonzero(LABELS != "sad")
    found = Probe(layers=3, c=GRID).fit(X[chosen], LABELS[chosen]).predict_proba(X[chosen])
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert ((found[:, 1] > 0.5) == (LABELS[chosen] == "happy")).mean() > 0.9


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"layers": (3, 0)}, "must be a layer, several of them"),
        ({"layers": -1}, "must be a layer, several of them"),
        ({"layers": ()}, "must be a layer, several of them"),
        ({"layers": "last"}, "must be a layer, several of them"),
        ({"c": (0.1, 0.01)}, "must ascend, above 0"),
        ({"c": ()}, "c"),
        ({"folds": 1}, "folds"),
    ],
)
def test_params_that_are_none(X, params, problem):
    with pytest.raises(ParamsError, match=problem):
        Probe(**params).fit(X, LABELS)


def test_layers_that_are_not_there(X):
    with pytest.raises(UserError, match="has no layer 5, but layers 0, 3 and 12; choose the experiment's param layers"):
        Probe(layers=5).fit(X, LABELS)
    with pytest.raises(DataError, match="layers: each needs hidden states"):
        Probe(layers="each").fit(X.only(["prosody"]), LABELS)


def test_a_file_of_other_layers(X, tmp_path):
    from safetensors.numpy import load_file, save_file

    Probe(layers=3, c=GRID).fit(X, LABELS).save(tmp_path / "probe")
    for layers, problem in (([5.0], "has no layer 5"), ([0.5], "no numbers of layers"), ([0.0, 3.0], "shape")):
        save_file(load_file(tmp_path / "probe") | {"layers": np.array(layers)}, tmp_path / "other")
        with pytest.raises((UserError, ValueError), match=problem):
            Probe(layers=3, c=GRID).load(tmp_path / "other", X, ["angry", "happy", "sad"])
