"""What every classifier promises, of one system of each kind: pooled, CAF with each fusion, both branches."""

import numpy as np
import pytest
import torch
from feature_files import write_features, write_logmel, write_states
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict
from system_checks import KEYS, LABELS, check_learnt, check_saved, classifier, silent_parameters, view

from pipeline.errors import UserError
from pipeline.systems.caf import CAF
from pipeline.systems.layers.feature_fusion import FUSIONS
from pipeline.systems.layers.standardize import Standardize
from pipeline.systems.neural import Batches
from pipeline.systems.pooled import Pooled
from pipeline.systems.spectrogram import SpectrogramBranch
from pipeline.systems.view import View
from pipeline.systems.wav2vec import Wav2vecBranch

pytestmark = pytest.mark.usefixtures("one_thread")

# What lets each system learn 16 utterances of noise by heart, quickly.
QUICK = {"epochs": 12, "batch_size": 8, "learning_rate": 1e-3, "dropout": 0.0}
FAST = {
    "pooled": (Pooled, {"c": 100.0}),
    **{f"caf-{fusion}": (CAF, {**QUICK, "fusion": fusion}) for fusion in FUSIONS},
    "caf-shared": (CAF, {**QUICK, "shared_convolutions": True, "dropout": 0.1}),
    "spectrogram": (SpectrogramBranch, {**QUICK, "epochs": 25, "patience": 0, "learning_rate": 0.02}),
    "wav2vec": (Wav2vecBranch, {**QUICK, "epochs": 30, "patience": 0, "schedule": "constant"}),
}
NEURAL = [name for name in FAST if name != "pooled"]
ONE_EACH = ["caf-caf", "spectrogram", "wav2vec"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    rng = np.random.default_rng(5)
    prosody = {key: rng.standard_normal((1, 7)).astype(np.float32) for key in KEYS}
    mfcc = {key: rng.standard_normal((int(rng.integers(3, 9)), 5)).astype(np.float32) for key in KEYS}
    return {
        "logmel": write_logmel(folder / "logmel.h5", KEYS),
        "mfcc": write_features(folder / "mfcc.h5", mfcc, "mfcc"),
        "prosody": write_features(folder / "prosody.h5", prosody, "prosody"),
        "ssl": write_states(folder / "ssl.h5", KEYS),
    }


def view_of(files, name):
    return view(files, FAST[name][0].roles or ("logmel", "mfcc", "prosody"))


def make(name, seed=0, **changes):
    return classifier(*FAST[name], seed, **changes)


@pytest.fixture(scope="module")
def fitted(files):
    """Every system of FAST, fitted on all 16 utterances."""
    return {name: make(name).fit(view_of(files, name), LABELS) for name in FAST}


@pytest.mark.parametrize("name", NEURAL)
def test_gradients_reach_all_that_trains(files, name):
    assert silent_parameters(make(name), view_of(files, name)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FAST)
def test_sixteen_utterances_are_learnt_by_heart(files, fitted, name):
    check_learnt(fitted[name], view_of(files, name))


@pytest.mark.parametrize("name", FAST)
def test_columns_are_sorted_classes_whatever_the_order_of_labels(files, name):
    model = make(name, **({"epochs": 1} if name != "pooled" else {}))
    labels = ["sad", "angry"] * 8
    model.fit(view_of(files, name), labels)
    assert model.classes_.tolist() == ["angry", "sad"]
    assert model.predict_proba(view_of(files, name)).shape == (16, 2)


@pytest.mark.parametrize("name", ONE_EACH)
def test_the_seed_decides_and_the_global_generator_is_left_alone(files, name):
    X = view_of(files, name)

    def probabilities(seed, state):
        torch.manual_seed(state)
        np.random.seed(state)  # noqa: NPY002 - the one that libraries might draw from
        before = torch.get_rng_state()
        dropout = {"dropout": 0.3}
        model = make(name, seed, epochs=2, **dropout).fit(X, LABELS)
        assert torch.equal(torch.get_rng_state(), before)
        return model.predict_proba(X)

    first = probabilities(0, 1)
    np.testing.assert_array_equal(probabilities(0, 2), first)
    assert np.abs(probabilities(1, 1) - first).max() > 1e-4


def test_the_seed_decides_the_order_of_utterances_and_epochs_differ(files, monkeypatch):
    seen = []
    original = Batches.__getitems__
    monkeypatch.setattr(Batches, "__getitems__", lambda self, rows: seen.extend(rows) or original(self, rows))
    orders = []
    for seed in (0, 0, 1):
        seen.clear()
        make("caf-sum", seed, epochs=2).fit(view(files, CAF.roles), LABELS)
        orders.append([seen[:16], seen[16:]])
    assert orders[0] == orders[1]
    assert len({tuple(epoch) for order in orders for epoch in order}) == 4
    assert all(sorted(epoch) == list(range(16)) for order in orders for epoch in order)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAST)
def test_saving_and_loading_changes_no_probability(files, fitted, tmp_path, name):
    check_saved(fitted[name], view_of(files, name), tmp_path)


@pytest.mark.parametrize("name", FAST)
def test_scikit_learn_can_clone_it(fitted, name):
    model = fitted[name]
    copied = clone(model)
    assert type(copied) is type(model)
    assert copied.get_params() == model.get_params()
    assert not hasattr(copied, "classes_")
    assert clone(model.set_params(seed=7)).seed == 7
    model.set_params(seed=0)


@pytest.mark.parametrize("name", ["pooled", "caf-sum"])
def test_scikit_learn_can_cross_validate_it(files, name):
    model = make(name, **({"epochs": 1} if name != "pooled" else {}))
    found = cross_val_predict(model, view_of(files, name), np.array(LABELS), cv=2, method="predict_proba")
    assert found.shape == (16, 4)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_pooled_takes_an_utterance_of_one_frame_alone(tmp_path, files):
    rng = np.random.default_rng(0)
    mfcc = {key: rng.standard_normal((1 if key == "u00" else 6, 5)).astype(np.float32) for key in KEYS}
    X = View(KEYS, {"mfcc": [write_features(tmp_path / "m.h5", mfcc, "mfcc")], "prosody": [files["prosody"]]})
    model = Pooled().fit(X, LABELS)
    np.testing.assert_allclose(model.predict_proba(X[[0]])[0], model.predict_proba(X)[0], atol=1e-12)


@pytest.mark.parametrize("name", ["caf-caf", "spectrogram"])
def test_statistics_come_from_the_training_part_only(files, tmp_path, name):
    far = {key: files["logmel"].row(i) + np.float32(1000) for i, key in enumerate(KEYS)}
    shifted = {**files, "logmel": write_features(tmp_path / "far.h5", far)}
    train, held_out = view_of(files, name)[:8], view_of(shifted, name)[8:]
    model = make(name, epochs=1).fit(train, LABELS[:8], validation=(held_out, LABELS[8:]))
    rows = np.concatenate([files["logmel"].row(i) for i in range(8)]).astype(np.float64)
    standardize = model.nets_[0].module_.standardize["logmel"]
    np.testing.assert_allclose(standardize.mean, rows.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(standardize.std, rows.std(axis=0), rtol=1e-5)
    if name == "caf-caf":
        states = np.stack(model.inputs(train)["ssl"].arrays)
        np.testing.assert_allclose(model.nets_[0].module_.standardize["ssl"].mean, states.mean(axis=0), atol=1e-6)


def test_standardize_centres_what_never_varies():
    layer = Standardize(3)
    x = torch.randn(5, 7, 3) * 4 + 100
    x[..., 1] = 2.5
    layer.fit(list(x))
    found = layer(x)
    torch.testing.assert_close(found.mean(dim=(0, 1)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.std(dim=(0, 1), correction=0), torch.tensor([1.0, 0.0, 1.0]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["caf-caf", "wav2vec"])
def test_a_missing_layer_is_named(files, name):
    with pytest.raises(UserError, match=r"ssl\.h5: has no layer 7"):
        make(name, layer=7).fit(view_of(files, name), LABELS)


@pytest.mark.parametrize(("name", "cure"), [("caf-caf", "resize"), ("spectrogram", "clip")])
def test_unequal_lengths_are_refused(files, tmp_path, name, cure):
    ragged = {key: files["logmel"].row(i)[: 20 + i % 2] for i, key in enumerate(KEYS)}
    X = view_of({**files, "logmel": write_features(tmp_path / "ragged.h5", ragged)}, name)
    with pytest.raises(UserError, match=f"ragged.h5: utterances differ in length.*{cure}"):
        make(name).fit(X, LABELS)


@pytest.mark.parametrize(("frames", "mels"), [(15, 16), (16, 20), (16, 8)])
def test_a_spectrogram_too_small_is_refused(tmp_path, frames, mels):
    X = View(KEYS, {"logmel": [write_logmel(tmp_path / "small.h5", KEYS, frames, mels)]})
    with pytest.raises(UserError, match=f"{frames} frames of {mels} mel bands"):
        make("spectrogram").fit(X, LABELS)


def test_the_smallest_spectrogram_is_taken(tmp_path):
    X = View(KEYS, {"logmel": [write_logmel(tmp_path / "small.h5", KEYS, 16, 16)]})
    assert make("spectrogram", epochs=1).fit(X, LABELS).predict_proba(X).shape == (16, 4)
