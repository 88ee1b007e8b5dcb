"""The baselines: masks, sizes, per-speaker normalisation, and what every classifier promises."""

import numpy as np
import pytest
import torch
from feature_files import write_features
from sklearn.base import clone
from system_checks import (
    GROUPS,
    KEYS,
    LABELS,
    SPEAKERS,
    check_alone,
    check_learnt,
    check_saved,
    check_seed,
    classifier,
    silent_parameters,
    view,
    write_acoustic,
)

from pipeline.errors import ParamsError, UserError
from pipeline.strict import validate
from pipeline.systems import find_system
from pipeline.systems.cnn import CNN, CNNParams
from pipeline.systems.cnn_bilstm import CNNBiLSTM, CNNBiLSTMParams
from pipeline.systems.layers.frame_convolution import FrameConvolutions, MaskedBatchNorm
from pipeline.systems.lstm import LSTM, LSTMParams
from pipeline.systems.mlp import MLP, MLPParams
from pipeline.systems.pooled import Pooled, PooledParams
from pipeline.systems.svm import SVM, SVMParams
from pipeline.systems.view import View

pytestmark = pytest.mark.usefixtures("one_thread")

QUICK = {"epochs": 40, "batch_size": 8, "dropout": 0.0, "schedule": "constant", "weight_decay": 0.0}
FAST = {
    "pooled": (Pooled, {"c": 100.0}),
    "svm": (SVM, {"c": 100.0}),
    "svm linear": (SVM, {"c": 100.0, "kernel": "linear"}),
    "mlp": (MLP, {**QUICK, "hidden": [16]}),
    "mlp without hidden layers": (MLP, {**QUICK, "hidden": []}),
    "cnn": (CNN, {**QUICK, "channels": [8, 16], "hidden": 16}),
    "lstm": (LSTM, {**QUICK, "learning_rate": 0.02, "units": 16}),
    "lstm of two layers": (LSTM, {**QUICK, "learning_rate": 0.01, "units": 16, "layers": 2}),
    "cnn_bilstm": (CNNBiLSTM, {**QUICK, "learning_rate": 0.01, "channels": [8, 8], "units": 8}),
}
CLASSICAL = [name for name in FAST if FAST[name][0] in (Pooled, SVM)]
FRAMED = ["cnn", "lstm", "lstm of two layers", "cnn_bilstm"]
ACOUSTIC = ("logmel", "mfcc", "prosody")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_acoustic(tmp_path_factory.mktemp("features"))


def roles_of(name):
    return FAST[name][0].roles or ACOUSTIC


def make(name, seed=0, **changes):
    return classifier(*FAST[name], seed, **changes)


@pytest.fixture(scope="module")
def fitted(files):
    return {name: make(name).fit(view(files, roles_of(name)), LABELS) for name in FAST}


# --- masks, sizes ---


def test_masked_batch_norm_is_batch_norm_of_the_valid_frames():
    valid = torch.arange(6) < torch.tensor([6, 2, 4])[:, None]
    x = torch.randn(3, 6, 5).masked_fill(~valid[..., None], 1e4)
    masked, plain = MaskedBatchNorm(5), torch.nn.BatchNorm1d(5)
    torch.testing.assert_close(masked(x, valid)[valid], plain(x[valid]))
    assert not masked(x, valid)[~valid].any()
    plain(x[valid])
    torch.testing.assert_close(masked.running_var, plain.running_var)
    torch.testing.assert_close(masked.eval()(x, valid)[valid], plain.eval()(x[valid]))
    one = torch.arange(6)[None] < 1
    assert masked.train()(x[:1], one).isfinite().all()


@pytest.mark.parametrize(("pool", "counts"), [(1, [11, 5, 1]), (2, [3, 2, 1]), (3, [2, 1, 1])])
def test_convolutions_see_no_padding_even_while_training(pool, counts):
    torch.manual_seed(0)
    layer = FrameConvolutions(4, [6, 8], 5, pool, 0.0)
    lengths = [11, 5, 1]
    valid = torch.arange(11) < torch.tensor(lengths)[:, None]
    x = torch.randn(3, 11, 4)
    longer = torch.nn.functional.pad(x.masked_fill(~valid[..., None], -1e4), (0, 0, 0, 7), value=50.0)
    found, own = layer(x, valid)
    padded, padded_own = layer(longer, torch.nn.functional.pad(valid, (0, 7)))
    assert own.sum(dim=1).tolist() == counts
    assert not found[~own].any()
    torch.testing.assert_close(found[own], padded[padded_own], atol=1e-5, rtol=0)
    layer.eval()
    together = layer(x, valid)[0]
    for row, (length, count) in enumerate(zip(lengths, counts, strict=True)):
        alone = layer(x[row : row + 1, :length], valid[row : row + 1, :length])[0]
        torch.testing.assert_close(together[row, :count], alone[0], atol=1e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", FRAMED)
def test_padding_changes_no_probability(files, fitted, name):
    assert files["mfcc"].lengths.min() < files["mfcc"].lengths.max()
    check_alone(fitted[name], view(files, roles_of(name)))


@pytest.mark.parametrize("name", [name for name in FAST if name not in CLASSICAL])
def test_gradients_reach_all_that_trains(files, name):
    assert silent_parameters(make(name), view(files, roles_of(name))) == []


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("cnn", 39 * 64 * 5 + 2 * 64 + 64 * 128 * 5 + 2 * 128 + 257 * 64 + 65 * 4),
        ("lstm", 4 * 128 * (39 + 128 + 2) + 129 * 4),
        ("cnn_bilstm", 39 * 32 * 5 + 64 + 32 * 64 * 5 + 128 + 2 * 4 * 60 * (64 + 60 + 2) + 121 * 4),
    ],
)
def test_default_sizes(tmp_path, name, count):
    file = write_features(tmp_path / "mfcc.h5", {"u": np.zeros((5, 39), np.float32)}, "mfcc")
    network = find_system(name).load()().network(View(["u"], {"mfcc": [file]}), 4)
    assert sum(p.numel() for p in network.parameters()) == count


@pytest.mark.parametrize("cls", [CNN, LSTM, CNNBiLSTM, MLP])
def test_they_train_as_the_thesis_says(cls):
    params = cls.Params()
    assert (params.optimizer, params.learning_rate, params.weight_decay) == ("adam", 1e-3, 0.005)
    assert (params.epochs, params.batch_size, params.schedule, params.step_epochs) == (20, 16, "step", 10)


@pytest.mark.parametrize("name", ["cnn", "lstm", "cnn_bilstm"])
def test_each_reads_log_mel_as_well(files, name):
    assert "logmel" in find_system(name).extractors("mfcc")
    X = View(KEYS, {"mfcc": [files["logmel"]]})
    model = make(name, epochs=1, time_mask=3, frequency_mask=3).fit(X, LABELS)
    assert model.nets_[0].module_.standardize["mfcc"].mean.shape == (30,)
    assert model.predict_proba(X).shape == (16, 4)


# --- what every classifier promises ---


@pytest.mark.parametrize("name", FAST)
def test_sixteen_utterances_are_learnt_by_heart(files, fitted, name):
    check_learnt(fitted[name], view(files, roles_of(name)))


@pytest.mark.parametrize("name", [name for name in FAST if name not in CLASSICAL])
def test_the_seed_decides(files, name):
    X = view(files, roles_of(name))
    options = {"epochs": 2, "dropout": 0.3 if name != "mlp without hidden layers" else 0.0}
    check_seed(lambda seed: make(name, seed, **options).fit(X, LABELS).predict_proba(X), least=1e-5)


@pytest.mark.parametrize("name", CLASSICAL)
def test_the_seed_changes_no_classical_system(files, name):
    X = view(files, roles_of(name), groups=GROUPS)
    first, again, other = (make(name, seed).fit(X, LABELS).predict_proba(X) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(first, other, atol=1e-5)


@pytest.mark.parametrize("name", FAST)
def test_saving_and_loading_changes_no_probability(files, fitted, tmp_path, name):
    check_saved(fitted[name], view(files, roles_of(name)), tmp_path)


@pytest.mark.parametrize("name", [name for name in FAST if " " not in name])
def test_the_registry_finds_the_classes(name):
    assert find_system(name).load() is FAST[name][0]
    assert find_system(name).roles == FAST[name][0].roles


@pytest.mark.parametrize("name", ["pooled", "svm", "mlp", "cnn"])
def test_per_speaker_normalisation_removes_what_is_constant_of_a_speaker(files, tmp_path, name):
    roles = roles_of(name)
    moved = {}
    for role in roles:
        # Another microphone: each of a speaker's frames shifted alike (dB, cepstra) keeps the speech frames.
        shift = {key: np.float32(7 * int(SPEAKERS[key][1])) for key in KEYS}
        utterances = {key: files[role].row(i) + shift[key] for i, key in enumerate(KEYS)}
        header = files[role].header
        moved[role] = write_features(tmp_path / f"{role}.h5", utterances, header.extractor, **header.params)
    model = make(name, normalisation="per_speaker", **({} if name in CLASSICAL else {"epochs": 3}))
    X, other = view(files, roles, groups=GROUPS), view(moved, roles, groups=GROUPS)
    first = model.fit(X[:12], LABELS[:12]).predict_proba(X[12:])
    second = clone(model).fit(other[:12], LABELS[:12]).predict_proba(other[12:])
    np.testing.assert_allclose(first, second, atol=2e-4)
    plain = make(name, **({} if name in CLASSICAL else {"epochs": 3}))
    third = plain.fit(other[:12], LABELS[:12]).predict_proba(other[12:])
    assert np.abs(third - first).max() > 2e-3


@pytest.mark.parametrize("name", ["pooled", "mlp", "cnn"])
def test_per_speaker_normalisation_needs_speakers(files, name):
    X = view(files, roles_of(name))
    with pytest.raises(UserError, match="normalisation needs the speaker of every recording, and that of 'u00'"):
        make(name, normalisation="per_speaker").fit(X, LABELS)


# --- what cannot be ---


@pytest.mark.parametrize("name", ["pooled", "svm", "mlp"])
def test_undefined_prosody_is_named(files, tmp_path, name):
    values = {key: np.full((1, 7), np.nan if key == "u05" else 1.0, np.float32) for key in KEYS}
    undefined = {**files, "prosody": write_features(tmp_path / "compat.h5", values, "prosody")}
    with pytest.raises(UserError, match=r"compat\.h5: features of 'u05' are undefined.*mode: clean"):
        make(name).fit(view(undefined, ACOUSTIC), LABELS)


@pytest.mark.parametrize(
    ("params", "values", "key"),
    [
        (PooledParams, {"c": 0.0}, "params.c"),
        (PooledParams, {"normalisation": "speaker"}, "params.normalisation"),
        (SVMParams, {"kernel": "poly"}, "params.kernel"),
        (CNNParams, {"kernel": 4}, "params.kernel: must be odd"),
        (CNNParams, {"channels": []}, "params.channels"),
        (CNNBiLSTMParams, {"channels": [0]}, "params.channels"),
        (LSTMParams, {"unit": 3}, "did you mean 'units'"),
        (MLPParams, {"hidden": [0]}, "params.hidden"),
    ],
)
def test_mistakes_in_params_are_named(params, values, key):
    with pytest.raises(ParamsError, match=key):
        validate(params, values, "params")
