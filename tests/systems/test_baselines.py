"""The baselines: functionals by hand, masks, statistics, normalisation, and what every classifier promises."""

import gc

import numpy as np
import pytest
import torch
from feature_files import EMOTIONS, write_features
from scipy.stats import skew
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from pipeline.errors import ParamsError, UserError
from pipeline.strict import validate
from pipeline.systems import find_system, functionals
from pipeline.systems.classical import softmax
from pipeline.systems.cnn import CNN, CNNParams
from pipeline.systems.cnn_bilstm import CNNBiLSTM, CNNBiLSTMParams
from pipeline.systems.functionals import describe, vectors
from pipeline.systems.layers.frame_convolution import FrameConvolutions, MaskedBatchNorm
from pipeline.systems.lstm import LSTM, LSTMParams
from pipeline.systems.mlp import MLP, MLPParams
from pipeline.systems.pooled import Pooled, PooledParams
from pipeline.systems.svm import SVM, SVMParams, best_factor
from pipeline.systems.svm import _folds as svm_folds
from pipeline.systems.view import View

pytestmark = pytest.mark.usefixtures("one_thread")

KEYS = [f"u{i:02d}" for i in range(16)]
LABELS = list(EMOTIONS) * 4
SPEAKERS = {key: f"s{i // 4}" for i, key in enumerate(KEYS)}
MFCC = {"n_mfcc": 5, "energy": True, "deltas": 2, "n_mels": 20}

QUICK = {"epochs": 40, "batch_size": 8, "dropout": 0.0, "schedule": "constant", "weight_decay": 0.0}
FAST = {
    "pooled": (Pooled, PooledParams(c=100.0)),
    "svm": (SVM, SVMParams(c=100.0)),
    "svm linear": (SVM, SVMParams(c=100.0, kernel="linear")),
    "mlp": (MLP, MLPParams(**QUICK, hidden=[16])),
    "mlp without hidden layers": (MLP, MLPParams(**QUICK, hidden=[])),
    "cnn": (CNN, CNNParams(**QUICK, channels=[8, 16], hidden=16)),
    "lstm": (LSTM, LSTMParams(**{**QUICK, "learning_rate": 0.02}, units=16)),
    "lstm of two layers": (LSTM, LSTMParams(**{**QUICK, "learning_rate": 0.01}, units=16, layers=2)),
    "cnn_bilstm": (CNNBiLSTM, CNNBiLSTMParams(**{**QUICK, "learning_rate": 0.01}, channels=[8, 8], units=8)),
}
CLASSICAL = [name for name in FAST if FAST[name][0] in (Pooled, SVM)]
FRAMED = ["cnn", "lstm", "lstm of two layers", "cnn_bilstm"]


def write_all(folder, keys=KEYS, seed=0, offset=0.0):
    rng = np.random.default_rng(seed)

    def frames(count, dims, scale, middle):
        return {
            key: rng.normal(middle + offset, scale, (int(rng.integers(*count)), dims)).astype(np.float32)
            for key in keys
        }

    return {
        "logmel": write_features(folder / "logmel.h5", frames((9, 30), 30, 15, -40), "logmel"),
        "mfcc": write_features(folder / "mfcc.h5", frames((7, 23), 15, 9, 0), "mfcc", **MFCC),
        "prosody": write_features(folder / "prosody.h5", frames((1, 2), 7, 1, 0), "prosody"),
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("features"))


def roles_of(cls):
    return cls.roles or ("logmel", "mfcc", "prosody")


def view(files, cls, keys=KEYS, groups=True):
    known = {"speaker": SPEAKERS, "corpus": dict.fromkeys(KEYS, "toy")} if groups else None
    return View(keys, {role: [files[role]] for role in roles_of(cls)}, known)


def make(name, seed=0, **changes):
    cls, params = FAST[name]
    return cls(params.model_copy(update=changes), seed=seed)


@pytest.fixture(scope="module")
def fitted(files):
    return {name: make(name).fit(view(files, cls), LABELS) for name, (cls, _) in FAST.items()}


# --- functionals ---


def test_functionals_by_hand():
    rng = np.random.default_rng(1)
    values = rng.standard_normal((23, 4))
    spoken = rng.random(23) < 0.6
    found = functionals.functionals(values, spoken).reshape(2, 9, 4)
    padded = np.concatenate([values[:1], values[:1], values, values[-1:], values[-1:]])
    slopes = np.array([np.polyfit(range(5), padded[i : i + 5], 1)[0] for i in range(23)])
    for part, got in zip((values, slopes), found, strict=True):
        own = part[spoken]
        line = np.polyfit(np.linspace(-1, 1, len(own)), own, 1)[0]
        wanted = [own.mean(0), own.std(0), line, skew(own), *np.percentile(own, (5, 25, 50, 75, 95), axis=0)]
        np.testing.assert_allclose(got, wanted, atol=1e-9)
    assert len(functionals.NAMES) == 9


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_functionals_of_very_few_frames_are_finite(frames):
    values = np.random.default_rng(0).standard_normal((frames, 3))
    found = functionals.functionals(values, np.ones(frames, bool)).reshape(2, 9, 3)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[0, 0], values.mean(axis=0), atol=1e-12)


def test_frames_30_db_below_the_loud_ones_are_silence():
    levels = np.array([-80.0, -31, -29, 0, 0, 0, 0, -60, 0, -80])
    spoken = functionals.speech(levels, 10)
    assert spoken.tolist() == [False, False, True, True, True, True, True, False, True, False]
    np.testing.assert_allclose(functionals.pattern(spoken), [0.6, 0.2, 0.5])
    assert functionals.speech(None, 4).all()
    assert functionals.speech(np.full(3, -200.0), 3).all()
    # One click is louder than the 95th percentile by far; something is speech all the same.
    assert functionals.speech(np.array([0.0]), 1).all()


def test_silence_at_the_ends_changes_nothing_but_the_pattern():
    rng = np.random.default_rng(2)
    speech = rng.normal(-20, 5, (40, 30))
    speech[:3] = speech[-3:] = -100.0
    longer = np.concatenate([np.full((17, 30), -100.0), speech, np.full((9, 30), -100.0)])
    first, second = describe(speech, "logmel", {}), describe(longer, "logmel", {})
    np.testing.assert_allclose(first[:-3], second[:-3], atol=1e-9)
    assert np.abs(first[-3:] - second[-3:]).min() > 0.005


def test_the_level_is_read_from_the_features():
    rng = np.random.default_rng(3)
    logmel = rng.normal(-30, 5, (6, 20))
    np.testing.assert_allclose(
        functionals.level(logmel, "logmel", {}), 10 * np.log10((10 ** (logmel / 10)).sum(axis=1))
    )
    mfcc = rng.standard_normal((6, 15))
    np.testing.assert_array_equal(functionals.level(mfcc, "mfcc", MFCC), mfcc[:, 4])
    without = functionals.level(mfcc, "mfcc", {**MFCC, "energy": False})
    np.testing.assert_allclose(without, mfcc[:, 0] / np.sqrt(20))
    assert functionals.level(mfcc, "mfcc", {}) is None
    assert functionals.level(mfcc, "lpcc", MFCC) is None


def test_derivatives_in_the_mfcc_are_left_to_the_deltas_taken_here():
    mfcc = np.random.default_rng(4).standard_normal((12, 15))
    np.testing.assert_array_equal(
        describe(mfcc, "mfcc", MFCC)[:90], functionals.functionals(mfcc[:, :5], functionals.speech(mfcc[:, 4], 12))
    )
    assert len(describe(mfcc, "mfcc", {**MFCC, "deltas": 0})) == 15 * 18 + 3
    assert len(describe(mfcc, "mfcc", {})) == 15 * 18 + 3


@pytest.mark.parametrize(("mels", "bands"), [(30, 24), (24, 24), (10, 10), (224, 24), (1, 1)])
def test_wide_bands_are_means_of_neighbours(mels, bands):
    logmel = np.random.default_rng(5).standard_normal((3, mels))
    found = functionals.wide_bands(logmel)
    assert found.shape == (3, bands)
    if bands == mels:
        np.testing.assert_array_equal(found, logmel)
    if mels == 30:
        np.testing.assert_allclose(found[:, 3], logmel[:, 3:5].mean(axis=1))
    assert len(describe(logmel, "logmel", {})) == (bands + 8) * 18 + 3


def test_the_shape_of_simple_spectra():
    flat = np.full((1, 9), -20.0)
    level, centroid, spread, tilt, flatness, flux, entropy, balance = functionals.spectral_shape(flat)[0]
    assert level == pytest.approx(-20 + 10 * np.log10(9))
    assert (centroid, tilt, flux) == pytest.approx((0.5, 0, 0))
    assert spread == pytest.approx(np.linspace(0, 1, 9).std())
    assert flatness == pytest.approx(-10 * np.log10(9))
    assert entropy == pytest.approx(np.log(9))
    assert balance == pytest.approx(10 * np.log10(4 / 5))
    line = np.stack([np.linspace(0, -40, 9), np.linspace(0, -40, 9) + 3])
    found = functionals.spectral_shape(line)
    np.testing.assert_allclose(found[:, 3], -40)
    np.testing.assert_allclose(found[:, 5], [0, 3])
    np.testing.assert_allclose(found[0, 1:3], found[1, 1:3])  # loudness changes no shape
    assert found[0, 1] < 0.1
    assert found[0, 7] > 19


def test_silence_has_finite_descriptors():
    assert np.isfinite(describe(np.full((5, 30), -300.0), "logmel", {})).all()


def test_vectors_are_the_roles_side_by_side_and_each_is_described_once(files, monkeypatch):
    gc.collect()
    X = view(files, Pooled)
    found = vectors(X)
    wanted = np.hstack([
        np.stack([describe(files["logmel"].row(i), "logmel", {}) for i in range(16)]),
        np.stack([describe(files["mfcc"].row(i), "mfcc", MFCC) for i in range(16)]),
        np.stack([files["prosody"].row(i)[0] for i in range(16)]),
    ])  # fmt: skip
    np.testing.assert_array_equal(found, wanted)
    monkeypatch.setattr(functionals, "describe", None)  # never called again
    np.testing.assert_array_equal(vectors(X[[5, 2, 5]]), wanted[[5, 2, 5]])


def test_noisy_copies_have_vectors_of_their_own(files, tmp_path):
    noisy = write_all(tmp_path, ["u01@20dB"], seed=9)
    X = View(["u01", "u01@20dB"], {"logmel": [files["logmel"], noisy["logmel"]]})
    np.testing.assert_array_equal(vectors(X)[1], describe(noisy["logmel"].row(0), "logmel", {}))


# --- the classical systems ---


def test_pooled_is_scikit_learns_logistic_regression(files):
    X = view(files, Pooled)
    labels = ["angry"] * 9 + ["sad"] * 7
    for y in (labels, LABELS):
        scaled = StandardScaler().fit_transform(vectors(X))
        for balanced, weight in ((True, "balanced"), (False, None)):
            model = Pooled(PooledParams(c=0.5, balanced=balanced)).fit(X, y)
            wanted = LogisticRegression(C=0.5, class_weight=weight, max_iter=5000).fit(scaled, y)
            np.testing.assert_allclose(model.predict_proba(X), wanted.predict_proba(scaled), atol=1e-6)


def test_the_svm_is_scikit_learns_one_against_the_rest(files):
    X = view(files, SVM)
    scaled = StandardScaler().fit_transform(vectors(X))
    for kernel, gamma in (("rbf", 1 / scaled.shape[1]), ("linear", 1.0)):
        model = SVM(SVMParams(c=0.7, kernel=kernel)).fit(X, LABELS)
        scores = model.scores(scaled, model.numbers_)
        for number, emotion in enumerate(sorted(EMOTIONS)):
            weights = scaled if kernel == "rbf" else scaled / np.sqrt(scaled.shape[1])
            wanted = SVC(C=0.7, kernel=kernel, gamma=gamma, class_weight="balanced").fit(
                weights, np.array(LABELS) == emotion
            )
            np.testing.assert_allclose(scores[:, number], wanted.decision_function(weights), atol=1e-6)


def test_the_factor_of_the_svm_makes_probabilities_likely():
    rng = np.random.default_rng(0)
    logits = 2.5 * rng.standard_normal((20000, 3))
    codes = (softmax(logits).cumsum(axis=1) > rng.random((20000, 1))).argmax(axis=1)
    assert best_factor(logits / 2.5, codes) == pytest.approx(2.5, rel=0.05)
    assert best_factor(logits[:0], codes[:0]) == 1.0


def test_the_svm_is_calibrated_on_no_copies_of_what_it_was_fitted_on(tmp_path):
    keys = [key + copy for key in KEYS for copy in ("", "@10dB", "@0.9x")]
    files = write_all(tmp_path, keys)
    folds = svm_folds(np.array([i // 3 % 4 for i in range(48)]), view(files, SVM, keys, groups=False), 0)
    assert len(folds) >= 2
    for fitted_on, left_out in folds:
        assert not {keys[i].split("@")[0] for i in fitted_on} & {keys[i].split("@")[0] for i in left_out}


def test_the_svm_is_calibrated_on_speakers_it_was_not_fitted_on(files, monkeypatch):
    X = view(files, SVM)
    seen = []
    machines = SVM._machines
    monkeypatch.setattr(SVM, "_machines", lambda self, z, codes: seen.append(z) or machines(self, z, codes))
    make("svm").fit(X, LABELS)
    assert len(seen) == 5  # all, and one for each of the 4 speakers left out
    whole = seen[0]
    left_out = {tuple(i for i, row in enumerate(whole) if not (part == row).all(axis=1).any()) for part in seen[1:]}
    assert left_out == {tuple(range(4 * s, 4 * s + 4)) for s in range(4)}
    seen.clear()
    make("svm").fit(view(files, SVM, groups=False), LABELS)
    assert len(seen) == 5  # 4 utterances of each emotion allow 4 folds


@pytest.mark.parametrize("name", CLASSICAL)
def test_statistics_come_from_the_training_part_only(files, name):
    X = view(files, Pooled)
    model = make(name).fit(X[:8], LABELS[:8], validation=(X[8:], LABELS[8:]))
    np.testing.assert_allclose(model.numbers_["mean"], vectors(X[:8]).mean(axis=0), atol=1e-9)
    std = vectors(X[:8]).std(axis=0)
    np.testing.assert_allclose(model.numbers_["scale"], np.where(std > 1e-8, std, 1))


@pytest.mark.parametrize("name", ["pooled", "svm", "mlp", "cnn"])
def test_per_speaker_normalisation_removes_what_is_constant_of_a_speaker(files, tmp_path, name):
    cls = FAST[name][0]
    moved = {}
    for role in roles_of(cls):
        # Another microphone: each of a speaker's frames shifted alike (dB, cepstra) keeps the speech frames.
        shift = {key: np.float32(7 * int(SPEAKERS[key][1])) for key in KEYS}
        utterances = {key: files[role].row(i) + shift[key] for i, key in enumerate(KEYS)}
        header = files[role].header
        moved[role] = write_features(tmp_path / f"{role}.h5", utterances, header.extractor, **header.params)
    model = make(name, normalisation="per_speaker", **({} if name in CLASSICAL else {"epochs": 3}))
    first = model.fit(view(files, cls)[:12], LABELS[:12]).predict_proba(view(files, cls)[12:])
    second = clone(model).fit(view(moved, cls)[:12], LABELS[:12]).predict_proba(view(moved, cls)[12:])
    np.testing.assert_allclose(first, second, atol=2e-4)
    plain = make(name, **({} if name in CLASSICAL else {"epochs": 3}))
    third = plain.fit(view(moved, cls)[:12], LABELS[:12]).predict_proba(view(moved, cls)[12:])
    assert np.abs(third - first).max() > 2e-3


def test_per_speaker_vectors_have_zero_mean_for_each_speaker_and_use_all_their_recordings(files):
    model = make("pooled", normalisation="per_speaker").fit(view(files, Pooled)[:6], LABELS[:6])
    table = model.table(view(files, Pooled))
    for speaker in range(4):
        own = table[4 * speaker : 4 * speaker + 4]
        np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-9)
        assert np.isclose(own.std(axis=0), 1).mean() > 0.9
    corpus = make("pooled", normalisation="per_corpus").fit(view(files, Pooled)[:6], LABELS[:6])
    np.testing.assert_allclose(corpus.table(view(files, Pooled)).mean(axis=0), 0, atol=1e-9)


@pytest.mark.parametrize("name", ["pooled", "mlp", "cnn"])
def test_per_speaker_normalisation_needs_speakers(files, name):
    X = view(files, FAST[name][0], groups=False)
    with pytest.raises(UserError, match="normalisation needs the speaker of every recording, and that of 'u00'"):
        make(name, normalisation="per_speaker").fit(X, LABELS)


def test_a_model_of_two_classes_is_loaded_too(files, tmp_path):
    X = view(files, Pooled)
    for name in CLASSICAL:
        model = make(name).fit(X, ["angry", "sad"] * 8)
        model.save(tmp_path / "m.safetensors")
        loaded = make(name).load(tmp_path / "m.safetensors", X, ["angry", "sad"])
        np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


# --- the neural baselines: masks ---


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


@pytest.mark.parametrize("name", FRAMED)
def test_padding_changes_no_probability(files, fitted, name):
    X = view(files, FAST[name][0])
    assert files["mfcc"].lengths.min() < files["mfcc"].lengths.max()
    together = fitted[name].predict_proba(X)
    alone = np.vstack([fitted[name].predict_proba(X[[i]]) for i in range(16)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in FAST if name not in CLASSICAL])
def test_gradients_reach_all_that_trains(files, name):
    model = make(name)
    model.classes_ = np.array(sorted(EMOTIONS))
    X = view(files, type(model))
    torch.manual_seed(0)
    network = model.network(X, 4).train()
    batch, y = model._batches(X, np.searchsorted(model.classes_, LABELS)).__getitems__(list(range(16)))
    torch.nn.functional.cross_entropy(network(**batch), y).backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


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
    model = fitted[name]
    X = view(files, type(model))
    found = model.predict_proba(X)
    assert found.shape == (16, 4)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-9)
    assert model.classes_.tolist() == sorted(EMOTIONS)
    assert model.predict(X).tolist() == LABELS


@pytest.mark.parametrize("name", FAST)
def test_the_seed_decides(files, name):
    X = view(files, FAST[name][0])
    options = {} if name in CLASSICAL else {"epochs": 2, "dropout": 0.3 if name != "mlp without hidden layers" else 0.0}
    first, again, other = (make(name, s, **options).fit(X, LABELS).predict_proba(X) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (np.abs(first - other).max() > 1e-5) == (name not in CLASSICAL)


@pytest.mark.parametrize("name", FAST)
def test_saving_and_loading_changes_no_probability(files, fitted, tmp_path, name):
    model = fitted[name]
    X = view(files, type(model))
    model.save(tmp_path / "one.safetensors")
    model.save(tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    loaded = clone(model).load(tmp_path / "one.safetensors", X[[3]], model.classes_.tolist())
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.parameter_count() == model.parameter_count()


@pytest.mark.parametrize("name", CLASSICAL)
def test_scikit_learn_can_cross_validate_it(files, name):
    X = view(files, FAST[name][0])
    found = cross_val_predict(make(name), X, np.array(LABELS), cv=2, method="predict_proba")
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(("name", "cls"), [(n, c) for n, (c, _) in FAST.items() if " " not in n])
def test_the_registry_finds_the_classes(name, cls):
    assert find_system(name).load() is cls
    assert find_system(name).roles == cls.roles


# --- what cannot be ---


@pytest.mark.parametrize("name", ["pooled", "svm", "mlp"])
def test_undefined_prosody_is_named(files, tmp_path, name):
    values = {key: np.full((1, 7), np.nan if key == "u05" else 1.0, np.float32) for key in KEYS}
    undefined = {**files, "prosody": write_features(tmp_path / "compat.h5", values, "prosody")}
    with pytest.raises(UserError, match=r"compat\.h5: features of 'u05' are undefined.*mode: clean"):
        make(name).fit(view(undefined, Pooled), LABELS)


@pytest.mark.parametrize("name", CLASSICAL)
def test_one_emotion_only_is_refused(files, name):
    with pytest.raises(UserError, match="one emotion only, 'sad'"):
        make(name).fit(view(files, Pooled), ["sad"] * 16)


def test_features_of_another_kind_are_refused(files, fitted, tmp_path):
    rng = np.random.default_rng(0)
    other = {key: rng.standard_normal((4, 3)).astype(np.float32) for key in KEYS}
    X = view({**files, "mfcc": write_features(tmp_path / "m.h5", other, "mfcc")}, Pooled)
    with pytest.raises(UserError, match="use the features it was trained on"):
        fitted["pooled"].predict_proba(X)


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
