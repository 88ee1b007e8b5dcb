"""The wav2vec 2.0 branch, and what every classifier promises."""

import copy

import numpy as np
import pytest
import torch
from feature_files import EMOTIONS, write_features, write_logmel, write_states
from sklearn.base import clone
from sklearn.model_selection import cross_val_predict

from pipeline.errors import ParamsError, UserError
from pipeline.features.ssl.loading import load_backbone
from pipeline.systems import find_system
from pipeline.systems.caf import CAF, CAFParams
from pipeline.systems.layers.feature_fusion import FUSIONS
from pipeline.systems.layers.pooling import masked_mean
from pipeline.systems.layers.standardize import Standardize
from pipeline.systems.neural import Batches
from pipeline.systems.pooled import Pooled, PooledParams
from pipeline.systems.spectrogram import SpectrogramBranch, SpectrogramParams
from pipeline.systems.view import View
from pipeline.systems.wav2vec import Wav2vecBranch, Wav2vecParams

pytestmark = pytest.mark.usefixtures("one_thread")

KEYS = [f"u{i:02d}" for i in range(16)]
LABELS = list(EMOTIONS) * 4

# What lets each system learn 16 utterances of noise by heart, quickly.
FAST = {
    "pooled": (Pooled, PooledParams(c=100.0)),
    **{
        f"caf-{fusion}": (CAF, CAFParams(fusion=fusion, epochs=12, batch_size=8, learning_rate=1e-3, dropout=0.0))
        for fusion in FUSIONS
    },
    "caf-shared": (CAF, CAFParams(shared_convolutions=True, epochs=12, batch_size=8, learning_rate=1e-3)),
    "spectrogram": (
        SpectrogramBranch,
        SpectrogramParams(epochs=25, batch_size=8, patience=0, dropout=0.0, learning_rate=0.02),
    ),
    "wav2vec": (
        Wav2vecBranch,
        Wav2vecParams(epochs=30, batch_size=8, patience=0, dropout=0.0, learning_rate=1e-3, schedule="constant"),
    ),
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


ROLES = {CAF: "caf", SpectrogramBranch: "spectrogram", Wav2vecBranch: "wav2vec", Pooled: "pooled"}


def view(files, cls, keys=KEYS):
    roles = find_system(ROLES[cls]).roles or ("logmel", "mfcc", "prosody")
    return View(keys, {role: [files[role]] for role in roles})


def make(name, seed=0, **changes):
    cls, params = FAST[name]
    return cls(params.model_copy(update=changes), seed=seed)


@pytest.fixture(scope="module")
def fitted(files):
    """Every system of FAST, fitted on all 16 utterances."""
    models = {}
    for name, (cls, _) in FAST.items():
        models[name] = make(name).fit(view(files, cls), LABELS)
    return models


# --- the wav2vec 2.0 branch (Wei et al. 2025) ---


def test_wav2vec_branch_trains_as_the_paper_says():
    params = Wav2vecParams()
    assert (params.optimizer, params.learning_rate, params.schedule) == ("adamw", 1e-4, "cosine")
    assert (params.epochs, params.patience, params.monitor) == (120, 10, "valid_acc")
    assert (params.batch_size, params.clip_norm, params.layer, params.dropout) == (32, 1.0, 9, 0.3)


def test_wav2vec_network_is_three_blocks_and_a_classifier(files):
    network = make("wav2vec").network(view(files, Wav2vecBranch), 8)
    assert len(network.top.blocks) == 3
    linear = [(x.in_features, x.out_features) for x in network.classifier if isinstance(x, torch.nn.Linear)]
    assert linear == [(64, 256), (256, 256), (256, 8)]
    for block, pretrained in zip(network.top.blocks, load_backbone("tiny").encoder.layers[9:], strict=True):
        for ours, theirs in zip(block.parameters(), pretrained.parameters(), strict=True):
            assert torch.equal(ours, theirs)


def test_blocks_10_to_12_and_the_classifier_train_and_nothing_else(files):
    backbone = load_backbone("tiny")
    before = copy.deepcopy(backbone.state_dict())
    X = view(files, Wav2vecBranch)
    model = make("wav2vec", epochs=2).fit(X, LABELS)
    network = model.nets_[0].module_
    trained = {name for name, p in network.named_parameters() if p.requires_grad}
    assert {name.split(".")[0] for name in trained} == {"top", "classifier"}
    assert {name.split(".")[2] for name in trained if name.startswith("top")} == {"0", "1", "2"}
    block = sum(p.numel() for p in backbone.encoder.layers[9].parameters())
    assert model.parameter_count() == 3 * block + 65 * 256 + 257 * 256 + 257 * 4
    start = {name: p for name, p in make("wav2vec").network(X, 4).named_parameters() if name.startswith("top")}
    for name, value in network.named_parameters():
        if name.startswith("top") and "k_proj.bias" not in name:  # which no softmax over keys depends on
            assert not torch.equal(value, start[name]), name
    again = load_backbone("tiny").state_dict()
    assert all(torch.equal(before[name], again[name]) for name in before)


def test_what_pretrained_blocks_take_is_not_standardised_by_speaker(files):
    groups = {"speaker": {key: f"s{i % 2}" for i, key in enumerate(KEYS)}}
    roles = {role: [files[role]] for role in ("logmel", "ssl")}
    model = CAF(CAFParams(top_blocks=3, normalisation="per_speaker"))
    found, plain = model._normalised(View(KEYS, roles, groups)), model.inputs(View(KEYS, roles))
    for i in range(16):
        np.testing.assert_array_equal(found["ssl"].arrays[i], plain["ssl"].arrays[i])
        assert np.abs(found["logmel"].arrays[i] - plain["logmel"].arrays[i]).max() > 1
    with pytest.raises(ParamsError, match="nothing to standardise here, as wav2vec reads ssl as it is"):
        make("wav2vec", normalisation="per_speaker").fit(View(KEYS, {"ssl": [files["ssl"]]}, groups), LABELS)


def test_wav2vec_branch_starts_after_the_layer_asked_for(files):
    network = make("wav2vec", layer=1).network(view(files, Wav2vecBranch), 4)
    assert len(network.top.blocks) == 11


def test_padding_changes_no_probability(files, fitted):
    X = view(files, Wav2vecBranch)
    lengths = files["ssl"].lengths
    assert lengths.min() < lengths.max()
    together = fitted["wav2vec"].predict_proba(X)
    alone = np.vstack([fitted["wav2vec"].predict_proba(X[[i]]) for i in range(16)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_masked_mean_by_hand():
    x = torch.randn(3, 4, 2)
    lengths = (4, 1, 2)
    valid = torch.arange(4) < torch.tensor(lengths)[:, None]
    wanted = torch.stack([row[:n].mean(dim=0) for row, n in zip(x, lengths, strict=True)])
    torch.testing.assert_close(masked_mean(x, valid), wanted)


# --- what trains ---


@pytest.mark.parametrize("name", NEURAL)
def test_gradients_reach_all_that_trains(files, name):
    model = make(name)
    model.classes_ = np.array(sorted(EMOTIONS))
    X = view(files, type(model))
    network = model.network(X, 4).train()
    batch, y = Batches(model.inputs(X), np.searchsorted(model.classes_, LABELS), 1 << 30).__getitems__(list(range(16)))
    torch.nn.functional.cross_entropy(network(**batch), y).backward()
    silent = [n for n, p in network.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert [n for n in silent if "k_proj.bias" not in n] == []


# --- what every classifier promises ---


@pytest.mark.parametrize("name", FAST)
def test_sixteen_utterances_are_learnt_by_heart(files, fitted, name):
    model = fitted[name]
    X = view(files, type(model))
    found = model.predict_proba(X)
    assert found.shape == (16, 4)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-9)
    assert model.classes_.tolist() == sorted(EMOTIONS)
    assert model.predict(X).tolist() == LABELS
    assert model.score(X, LABELS) == 1.0


@pytest.mark.parametrize("name", FAST)
def test_columns_are_sorted_classes_whatever_the_order_of_labels(files, name):
    model = make(name, **({"epochs": 1} if name != "pooled" else {}))
    labels = ["sad", "angry"] * 8
    model.fit(view(files, type(model)), labels)
    assert model.classes_.tolist() == ["angry", "sad"]
    assert model.predict_proba(view(files, type(model))).shape == (16, 2)


@pytest.mark.parametrize("name", ONE_EACH)
def test_the_seed_decides_and_the_global_generator_is_left_alone(files, name):
    X = view(files, FAST[name][0])

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
        make("caf-sum", seed, epochs=2).fit(view(files, CAF), LABELS)
        orders.append([seen[:16], seen[16:]])
    assert orders[0] == orders[1]
    assert len({tuple(epoch) for order in orders for epoch in order}) == 4
    assert all(sorted(epoch) == list(range(16)) for order in orders for epoch in order)


@pytest.mark.parametrize("name", FAST)
def test_saving_and_loading_changes_no_probability(files, fitted, tmp_path, name):
    model = fitted[name]
    X = view(files, type(model))
    model.save(tmp_path / "one.safetensors")
    model.save(tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    # Loaded for a view of one utterance: what it needs is the features' shape.
    loaded = clone(model).load(tmp_path / "one.safetensors", X[[3]], model.classes_.tolist())
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.predict(X).tolist() == model.predict(X).tolist()
    assert loaded.parameter_count() == model.parameter_count()


def test_a_pooled_model_of_two_classes_is_loaded_too(files, tmp_path):
    X = view(files, Pooled)
    model = Pooled().fit(X, ["angry", "sad"] * 8)
    model.save(tmp_path / "m.safetensors")
    loaded = Pooled().load(tmp_path / "m.safetensors", X, ["angry", "sad"])
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


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
    found = cross_val_predict(model, view(files, type(model)), np.array(LABELS), cv=2, method="predict_proba")
    assert found.shape == (16, 4)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_pooled_takes_an_utterance_of_one_frame_alone(tmp_path, files):
    rng = np.random.default_rng(0)
    mfcc = {key: rng.standard_normal((1 if key == "u00" else 6, 5)).astype(np.float32) for key in KEYS}
    X = View(KEYS, {"mfcc": [write_features(tmp_path / "m.h5", mfcc, "mfcc")], "prosody": [files["prosody"]]})
    model = Pooled().fit(X, LABELS)
    np.testing.assert_allclose(model.predict_proba(X[[0]])[0], model.predict_proba(X)[0], atol=1e-12)


# --- validation ---


def log_loss(model, X, labels):
    found = model.predict_proba(X)
    return -np.log(found[np.arange(len(labels)), np.searchsorted(model.classes_, labels)]).mean()


@pytest.mark.parametrize("name", ONE_EACH)
def test_the_epoch_of_the_lowest_validation_loss_is_kept(files, name):
    X = view(files, FAST[name][0])
    train, held_out = np.arange(8), np.arange(8, 16)
    wrong = [EMOTIONS[(EMOTIONS.index(label) + 1) % 4] for label in LABELS[8:]]  # so that the loss must rise again
    model = make(name, epochs=40, patience=3, monitor="valid_loss", clip_norm=None)
    model.fit(X[train], LABELS[:8], validation=(X[held_out], wrong))
    losses = [row["valid_loss"] for row in model.history_]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 3 < 40
    assert log_loss(model, X[held_out], wrong) == pytest.approx(losses[best], rel=1e-4)
    assert losses[-1] > losses[best] * 1.001


def test_the_epoch_of_the_highest_validation_accuracy_is_kept(files):
    X = view(files, Wav2vecBranch)
    train, held_out = np.arange(8), np.arange(8, 16)
    model = make("wav2vec", epochs=15, patience=15, monitor="valid_acc")
    model.fit(X[train], LABELS[:8], validation=(X[held_out], LABELS[8:]))
    accuracy = [row["valid_acc"] for row in model.history_]
    assert len(set(accuracy)) > 1
    assert model.score(X[held_out], LABELS[8:]) == pytest.approx(max(accuracy))
    best = int(np.argmax(accuracy))
    assert log_loss(model, X[held_out], LABELS[8:]) == pytest.approx(model.history_[best]["valid_loss"], rel=1e-4)


def test_all_epochs_run_without_patience_and_each_is_told(files):
    told = []
    X = view(files, CAF)
    model = make("caf-caf", epochs=3).fit(X[:8], LABELS[:8], (X[8:], LABELS[8:]), on_epoch=lambda: told.append(1))
    assert len(told) == 3
    assert [row["epoch"] for row in model.history_] == [1, 2, 3]
    assert all(set(row) == {"epoch", "train_loss", "valid_loss", "valid_acc"} for row in model.history_)


@pytest.mark.parametrize(
    ("options", "rates"),
    [
        ({"schedule": "constant"}, [1, 1, 1, 1]),
        ({"schedule": "step", "step_epochs": 2, "step_factor": 0.5}, [1, 1, 0.5, 0.5]),
        ({"schedule": "cosine"}, [(1 + np.cos(np.pi * epoch / 4)) / 2 for epoch in range(4)]),
    ],
)
def test_schedules(files, options, rates):
    model = make("caf-caf", epochs=4, learning_rate=1e-4, batch_size=4, **options)
    net = model.fit(view(files, CAF)[:8], LABELS[:8]).nets_[0]
    if options["schedule"] == "constant":
        assert net.optimizer_.param_groups[0]["lr"] == 1e-4
    else:
        used = [[batch["event_lr"] for batch in epoch["batches"]] for epoch in net.history]
        np.testing.assert_allclose(used, 1e-4 * np.repeat(rates, 2).reshape(4, 2), rtol=1e-9)


@pytest.mark.parametrize("name", ["caf-caf", "spectrogram"])
def test_statistics_come_from_the_training_part_only(files, tmp_path, name):
    cls = FAST[name][0]
    far = {key: files["logmel"].row(i) + np.float32(1000) for i, key in enumerate(KEYS)}
    shifted = {**files, "logmel": write_features(tmp_path / "far.h5", far)}
    train, held_out = view(files, cls)[:8], view(shifted, cls)[8:]
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


# --- what cannot be ---


@pytest.mark.parametrize(("name", "cls"), [("caf-caf", CAF), ("wav2vec", Wav2vecBranch)])
def test_a_missing_layer_is_named(files, name, cls):
    with pytest.raises(UserError, match=r"ssl\.h5: has no layer_07"):
        make(name, layer=7).fit(view(files, cls), LABELS)


@pytest.mark.parametrize(
    ("name", "cls", "cure"), [("caf-caf", CAF, "resize"), ("spectrogram", SpectrogramBranch, "clip")]
)
def test_unequal_lengths_are_refused(files, tmp_path, name, cls, cure):
    ragged = {key: files["logmel"].row(i)[: 20 + i % 2] for i, key in enumerate(KEYS)}
    with pytest.raises(UserError, match=f"ragged.h5: utterances differ in length.*{cure}"):
        make(name).fit(view({**files, "logmel": write_features(tmp_path / "ragged.h5", ragged)}, cls), LABELS)


@pytest.mark.parametrize(("frames", "mels"), [(15, 16), (16, 20), (16, 8)])
def test_a_spectrogram_too_small_is_refused(tmp_path, frames, mels):
    X = View(KEYS, {"logmel": [write_logmel(tmp_path / "small.h5", KEYS, frames, mels)]})
    with pytest.raises(UserError, match=f"{frames} frames of {mels} mel bands"):
        make("spectrogram").fit(X, LABELS)


def test_the_smallest_spectrogram_is_taken(tmp_path):
    X = View(KEYS, {"logmel": [write_logmel(tmp_path / "small.h5", KEYS, 16, 16)]})
    assert make("spectrogram", epochs=1).fit(X, LABELS).predict_proba(X).shape == (16, 4)


@pytest.mark.parametrize("name", ONE_EACH)
def test_patience_needs_a_validation_part(files, name):
    with pytest.raises(UserError, match="patience 2 needs a validation part"):
        make(name, patience=2).fit(view(files, FAST[name][0]), LABELS)


@pytest.mark.parametrize("name", ONE_EACH)
def test_a_loss_that_is_no_number_stops_the_run(files, name):
    model = make(name, optimizer="sgd", learning_rate=1e30, clip_norm=None, epochs=5)
    with pytest.raises(UserError, match="loss is no number after epoch"):
        model.fit(view(files, FAST[name][0]), LABELS)


@pytest.mark.parametrize("name", ["caf-caf", "spectrogram"])
def test_probabilities_that_are_no_numbers_are_never_given(files, name):
    X = view(files, FAST[name][0])
    # The only batch's loss is taken before its step, so training ends without a complaint.
    model = make(name, optimizer="sgd", learning_rate=1e30, clip_norm=None, epochs=1, batch_size=16).fit(X, LABELS)
    with pytest.raises(UserError, match="probabilities are no numbers"):
        model.predict_proba(X)


def test_an_emotion_that_is_only_validated_on_is_refused(files):
    X = view(files, CAF)
    with pytest.raises(UserError, match="'bored' is validated on but not trained on"):
        make("caf-caf").fit(X[:8], LABELS[:8], validation=(X[8:], ["bored"] * 8))


def test_an_unknown_system_is_refused_with_the_nearest_name():
    with pytest.raises(ParamsError, match=r"unknown system 'spectogram' \(did you mean 'spectrogram'\?\)"):
        find_system("spectogram")


@pytest.mark.parametrize(("cls", "name"), ROLES.items(), ids=ROLES.values())
def test_the_registry_finds_the_classes(cls, name):
    assert find_system(name).load() is cls


# --- the view ---


def test_a_view_is_indexed_as_an_array(files):
    X = view(files, Pooled)
    assert X.shape == (16,)
    for indices in ([3, 1, 3], slice(2, 9, 3), np.arange(16) % 3 == 0, 5):
        chosen = X[indices]
        assert chosen.keys.tolist() == np.atleast_1d(np.array(KEYS)[indices]).tolist()
        for key, rows in zip(chosen.keys, chosen.arrays("mfcc"), strict=True):
            np.testing.assert_array_equal(rows, files["mfcc"].row(KEYS.index(key)))


def test_a_view_finds_noisy_copies_in_the_second_file(files, tmp_path):
    noisy = write_logmel(tmp_path / "noisy.h5", ["u01@20dB", "u00@20dB"], seed=9)
    X = View(["u01@20dB", "u02", "u00@20dB"], {"logmel": [files["logmel"], noisy]})
    for found, wanted in zip(X.arrays("logmel"), (noisy.row(0), files["logmel"].row(2), noisy.row(1)), strict=True):
        np.testing.assert_array_equal(found, wanted)
    with pytest.raises(UserError, match="has no utterance 'u99'"):
        View(["u99"], {"logmel": [files["logmel"], noisy]})
