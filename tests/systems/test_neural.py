"""The training that all neural systems share: batches, schedules, augmentation, accumulation, seeds, normalisation."""

import numpy as np
import pytest
import torch
from feature_files import EMOTIONS, write_features, write_logmel, write_states
from system_checks import KEYS, LABELS
from torch import nn

from pipeline.errors import ParamsError, UserError
from pipeline.systems.layers.cross_entropy import CrossEntropy
from pipeline.systems.layers.pooling import masked_mean
from pipeline.systems.layers.standardize import Standardize
from pipeline.systems.neural import NeuralSystem
from pipeline.systems.normalisation import Statistics
from pipeline.systems.training.augmentation import mixup, spec_augment
from pipeline.systems.training.batches import Batches, Fixed, Ragged, memory_budget
from pipeline.systems.training.params import TrainingParams
from pipeline.systems.training.schedule import factor
from pipeline.systems.training.summary import operations
from pipeline.systems.view import View


class Small(NeuralSystem):
    """A linear classifier of mean log-Mels and mean states."""

    Params = TrainingParams

    def inputs(self, X):
        return {"logmel": Fixed(X.arrays("logmel")), "ssl": Ragged(X.arrays("ssl", "layer_09"))}

    def network(self, X, classes):
        return SmallNetwork(classes)


class SmallNetwork(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.standardize = nn.ModuleDict({"logmel": Standardize(16), "ssl": Standardize(64)})
        self.linear = nn.Linear(80, classes)
        self.kept = nn.Parameter(torch.zeros(3), requires_grad=False)

    def forward(self, logmel, ssl, ssl_valid):
        pooled = [self.standardize["logmel"](logmel).mean(dim=1)]
        pooled.append(masked_mean(self.standardize["ssl"](ssl), ssl_valid))
        return self.linear(torch.cat(pooled, dim=1))


@pytest.fixture(scope="module")
def X(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    files = {"logmel": [write_logmel(folder / "l.h5", KEYS)], "ssl": [write_states(folder / "s.h5", KEYS)]}
    groups = {"speaker": {key: f"s{i % 3}" for i, key in enumerate(KEYS)}, "corpus": dict.fromkeys(KEYS, "toy")}
    return View(KEYS, files, groups)


def small(seed=0, **params):
    return Small(**{"epochs": 3, "batch_size": 4, "learning_rate": 0.01, **params}, seed=seed)


def weights(model):
    return [net.module_.linear.weight.detach().clone() for net in model.nets_]


# --- batches ---


@pytest.mark.parametrize("kind", [Fixed, Ragged])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int16])
def test_batches_from_memory_and_from_disk_are_the_same(kind, dtype):
    rng = np.random.default_rng(1)
    arrays = [(100 * rng.standard_normal((5 if kind is Fixed else n, 3))).astype(dtype) for n in (5, 1, 8, 2)]
    y = np.arange(4)
    for indices in ([0, 1, 2, 3], [2], [3, 0], [1, 1]):
        memory, disk = (Batches({"x": kind(arrays)}, y, budget).__getitems__(indices) for budget in (1 << 20, 0))
        assert memory[0].keys() == disk[0].keys()
        for key, value in memory[0].items():
            torch.testing.assert_close(value, disk[0][key], rtol=0, atol=0)
            assert value.dtype == (torch.bool if key.endswith("_valid") else torch.float32)
        assert memory[1].tolist() == disk[1].tolist() == indices


def test_a_ragged_batch_is_padded_with_zeros_and_says_what_is_real():
    arrays = [np.full((n, 2), n, np.float32) for n in (2, 3, 1)]
    batch, _ = Batches({"x": Ragged(arrays)}, np.zeros(3, int), 1 << 20).__getitems__([2, 0])
    assert batch["x"].tolist() == [[[1, 1], [0, 0]], [[2, 2], [2, 2]]]
    assert batch["x_valid"].tolist() == [[True, False], [True, True]]


@pytest.mark.parametrize("budget", [0, 1 << 20])
def test_columns_give_back_every_utterance(budget):
    arrays = [np.full((n, 2), n, np.float32) for n in (2, 3, 1)]
    column = Batches({"x": Ragged(arrays)}, np.zeros(3, int), budget).columns["x"]
    assert [row.tolist() for row in column] == [array.tolist() for array in arrays]


def test_the_memory_for_features_is_a_setting(monkeypatch):
    monkeypatch.setenv("SER_MEMORY", "0.5")
    assert memory_budget() == 1 << 29
    for wrong in ("much", "-1", "nan", "inf", "1e308"):
        monkeypatch.setenv("SER_MEMORY", wrong)
        with pytest.raises(ParamsError, match=f"SER_MEMORY is '{wrong}'"):
            memory_budget()


@pytest.mark.parametrize("normalisation", ["training", "per_speaker"])
def test_features_on_disk_train_the_same_model(X, monkeypatch, normalisation):
    found = []
    for budget in ("1", "0"):
        monkeypatch.setenv("SER_MEMORY", budget)
        found.append(weights(small(normalisation=normalisation).fit(X, LABELS))[0])
    torch.testing.assert_close(*found, rtol=0, atol=0)


# --- the learning rate ---


def test_warm_up_rises_to_the_schedule():
    rate = factor(TrainingParams(warmup_epochs=2, schedule="step", step_epochs=3, step_factor=0.5), 4)
    found = [rate(batch) for batch in range(24)]
    np.testing.assert_allclose(found[:8], np.arange(1, 9) / 9)
    assert found[8:12] == [1.0] * 4
    assert found[12:24] == [0.5] * 12


def test_cosine_falls_from_one_and_stays_above_zero():
    rate = factor(TrainingParams(schedule="cosine", epochs=10), 5)
    found = np.array([rate(batch) for batch in range(50)])
    assert found[0] == 1
    assert (np.diff(found) <= 0).all()
    assert 0 < found[-1] < 0.03


# --- interruption ---


def test_an_interrupt_ends_the_training(X):
    """skorch takes it for the end of training, and half a training would pass for a whole."""
    epochs = []

    def press():
        epochs.append(1)
        if len(epochs) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small(epochs=5).fit(X, LABELS, on_epoch=press)
    assert len(epochs) == 2


# --- accumulation ---


def test_accumulated_batches_are_one_large_batch(X):
    plain = {"optimizer": "sgd", "epochs": 1, "learning_rate": 0.1}
    large = small(batch_size=16, **plain).fit(X, LABELS)
    parts = small(batch_size=4, accumulate=4, **plain).fit(X, LABELS)
    torch.testing.assert_close(weights(parts), weights(large), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("accumulate", "steps"), [(1, 4), (2, 2), (3, 2), (8, 1)])
def test_the_last_batches_of_an_epoch_make_a_step_too(X, monkeypatch, accumulate, steps):
    taken = []
    step = torch.optim.SGD.step
    monkeypatch.setattr(torch.optim.SGD, "step", lambda self, *a: (taken.append(1), step(self, *a))[1])
    small(batch_size=4, accumulate=accumulate, optimizer="sgd", epochs=3).fit(X, LABELS)
    assert len(taken) == 3 * steps


# --- augmentation ---


def test_masks_hide_spans_no_longer_than_asked_with_what_standardises_to_zero():
    torch.manual_seed(0)
    network = SmallNetwork(2)
    network.standardize["logmel"].mean.copy_(torch.arange(16.0))
    x = torch.full((64, 30, 16), 99.0)
    batch = {"logmel": x.clone(), "ssl": x.clone()}
    spec_augment(batch, network, time=5, frequency=3, masks=1)
    hidden = batch["logmel"] != 99
    torch.testing.assert_close(batch["logmel"][hidden], torch.arange(16.0).expand(64, 30, 16)[hidden])
    frames, bands = hidden.all(dim=2).sum(dim=1), hidden.all(dim=1).sum(dim=1)
    assert (frames.max(), bands.max()) == (5, 3)
    assert (frames.min(), bands.min()) == (0, 0)
    assert batch["ssl"].eq(99).all()


def test_masks_leave_padding_alone():
    batch = {"mfcc": torch.zeros(8, 10, 4), "mfcc_valid": torch.zeros(8, 10, dtype=torch.bool)}
    batch["mfcc_valid"][:, :2] = True
    network = nn.Module()
    network.standardize = nn.ModuleDict({"mfcc": Standardize(4)})
    network.standardize["mfcc"].mean.fill_(7)
    spec_augment(batch, network, time=10, frequency=0, masks=3)
    assert batch["mfcc"][:, 2:].eq(0).all()
    assert batch["mfcc"][:, :2].eq(7).any()


def test_mixup_mixes_values_and_joins_masks():
    torch.manual_seed(1)
    x, valid = torch.randn(6, 3, 2), torch.rand(6, 3) < 0.5
    batch = {"x": x.clone(), "x_valid": valid.clone()}
    share, order = mixup(batch, 0.4)
    assert 0 <= share <= 1
    assert sorted(order.tolist()) == list(range(6))
    torch.testing.assert_close(batch["x"], share * x + (1 - share) * x[order])
    assert batch["x_valid"].equal(valid | valid[order])


@pytest.mark.parametrize(
    "option", [{"mixup": 0.5}, {"time_mask": 5}, {"frequency_mask": 4}, {"label_smoothing": 0.2}, {"warmup_epochs": 1}]
)
def test_every_option_changes_training_and_repeats(X, option):
    plain, changed, again = (weights(small(**chosen).fit(X, LABELS))[0] for chosen in ({}, option, option))
    assert not torch.allclose(plain, changed, atol=1e-5)
    torch.testing.assert_close(changed, again, rtol=0, atol=0)


def test_bfloat16_is_float32_in_three_digits_and_repeats(X):
    exact, lower, again = (small(precision=p).fit(X, LABELS) for p in ("float32", "bfloat16", "bfloat16"))
    assert {p.dtype for p in lower.nets_[0].module_.parameters()} == {torch.float32}
    found = lower.predict_proba(X)
    np.testing.assert_allclose(found, exact.predict_proba(X), atol=0.03)
    assert not np.array_equal(found, exact.predict_proba(X))
    np.testing.assert_array_equal(found, again.predict_proba(X))


def test_augmentation_leaves_validation_and_prediction_alone(X):
    model = small(mixup=1.0, time_mask=9, frequency_mask=9).fit(X, LABELS)
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))


# --- class weights, seeds, normalisation ---


def test_balanced_class_weights_are_scikit_learns(X):
    from sklearn.utils.class_weight import compute_class_weight

    labels = ["angry"] * 9 + ["sad"] * 4 + ["happy"] * 3
    model = small(class_weights="balanced").fit(X, labels)
    found = model.nets_[0].criterion_.weight
    wanted = compute_class_weight("balanced", classes=model.classes_, y=labels)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_class_weights_count_the_same_in_batches_of_any_size():
    logits, y = torch.randn(12, 3), torch.tensor([0] * 9 + [1, 2, 2])
    loss = CrossEntropy(torch.tensor([0.5, 3.0, 2.0]), label_smoothing=0.1)
    whole = loss(logits, y)
    for size in (1, 3, 4):
        parts = [loss(*part) for part in zip(logits.split(size), y.split(size), strict=True)]
        torch.testing.assert_close(torch.stack(parts).mean(), whole)
    plain = torch.nn.functional.cross_entropy(logits, y, label_smoothing=0.1)
    torch.testing.assert_close(CrossEntropy(label_smoothing=0.1)(logits, y), plain)


def test_an_utterance_weighs_as_its_own_class_whatever_is_spread_over_the_others():
    torch.manual_seed(0)
    logits, y, weight = torch.randn(12, 3), torch.tensor([0] * 9 + [1, 2, 2]), torch.tensor([0.5, 30.0, 2.0])
    losses = torch.nn.functional.cross_entropy(logits, y, reduction="none", label_smoothing=0.1)
    loss = CrossEntropy(weight, label_smoothing=0.1)
    torch.testing.assert_close(loss(logits, y), (weight[y] * losses).mean())
    shares = torch.nn.functional.one_hot(y, 3).float()
    torch.testing.assert_close(loss(logits, shares), loss(logits, y))
    mixed = 0.25 * shares + 0.75 * shares.flip(0)
    other = (weight[y.flip(0)] * torch.nn.functional.cross_entropy(logits, y.flip(0), reduction="none")).mean()
    slightly = CrossEntropy(weight, label_smoothing=1e-9)
    torch.testing.assert_close(slightly(logits, mixed), 0.25 * slightly(logits, y) + 0.75 * other)


@pytest.mark.filterwarnings("error::UserWarning")
def test_batches_accumulate_under_a_schedule_without_a_warning(X):
    small(accumulate=4, batch_size=2, warmup_epochs=1).fit(X, LABELS)


def test_normalisation_with_nothing_to_standardise_is_refused(X):
    class OfWaveforms(Small):
        name = "of_waveforms"

        def raw(self):
            return ("logmel", "ssl")

    model = OfWaveforms(normalisation="per_speaker", epochs=1)
    with pytest.raises(ParamsError, match="has nothing to standardise here, as of_waveforms reads logmel, ssl"):
        model.fit(X, LABELS)


def test_masks_of_what_is_not_read_are_refused(X):
    class OfVectors(Small):
        name = "of_vectors"

        def inputs(self, X):
            return {f"own_{name}": column for name, column in super().inputs(X).items()}

    with pytest.raises(ParamsError, match="time_mask: 5 masks nothing"):
        OfVectors(time_mask=5, epochs=1).fit(X, LABELS)


def test_one_emotion_alone_is_refused(X):
    with pytest.raises(UserError, match="one class only, 'sad'"):
        small().fit(X, ["sad"] * len(LABELS))


def test_several_seeds_are_the_mean_of_each_alone(X, tmp_path):
    together = small(seed=3, seeds=3).fit(X, LABELS)
    alone = [small(seed=3 + i).fit(X, LABELS) for i in range(3)]
    np.testing.assert_allclose(together.predict_proba(X), np.mean([m.predict_proba(X) for m in alone], axis=0))
    losses = np.mean([[row["train_loss"] for row in model.history_] for model in alone], axis=0)
    np.testing.assert_allclose([row["train_loss"] for row in together.history_], losses)
    together.save(tmp_path / "model")
    again = small(seeds=3).load(tmp_path / "model", X, together.classes_)
    np.testing.assert_array_equal(again.predict_proba(X), together.predict_proba(X))


def test_what_is_not_trained_is_not_saved(X, tmp_path):
    from safetensors.torch import load_file

    small().fit(X, LABELS).save(tmp_path / "model")
    names = {name.removeprefix("0.") for name in load_file(tmp_path / "model")}
    assert "kept" not in names
    assert {"linear.weight", "linear.bias", "standardize.ssl.mean"} <= names


def test_another_systems_model_is_refused(X, tmp_path):
    from safetensors.torch import save_file

    save_file({"0.other": torch.zeros(1)}, tmp_path / "model")
    with pytest.raises(UserError, match="is of another system or of other params"):
        small().load(tmp_path / "model", X, sorted(EMOTIONS))


def test_each_speaker_is_standardised_by_all_of_its_own_recordings(X):
    model = small(normalisation="per_speaker")
    found = model._normalised(X[:4])
    for name, source in small().inputs(X).items():
        assert type(found[name]) is type(source)
        for i in range(4):
            own = np.concatenate([np.asarray(source.arrays[k], float) for k in range(16) if k % 3 == i % 3])
            wanted = (source.arrays[i] - own.mean(axis=0)) / own.std(axis=0)
            np.testing.assert_allclose(found[name].arrays[i], wanted, atol=1e-4)


def test_a_copy_is_standardised_as_its_source(X, tmp_path):
    copies = write_logmel(tmp_path / "c.h5", ["u02@10dB"], seed=3)
    files = {"logmel": [X.source("logmel"), copies]}
    view = View(["u02@10dB"], files, X._groups)
    assert view.groups("speaker") == ["s2"]


def test_a_speaker_that_is_not_known_is_named(X):
    view = View(KEYS, X._sources, {"speaker": {**dict.fromkeys(KEYS, "a"), "u03": ""}})
    with pytest.raises(UserError, match="needs the speaker of every recording, and that of 'u03' is not known"):
        small(normalisation="per_speaker").fit(view, LABELS)


def test_statistics_keep_what_never_varies_finite():
    arrays = [np.array([[1.0, 5.0]]), np.array([[3.0, 5.0]])]
    (found, _) = Statistics(arrays, ["a", "a"]).apply(arrays, ["a", "a"])
    np.testing.assert_allclose(found, [[-1, 0]])


# --- how much a network computes ---


def test_operations_by_hand():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(5, 4, bidirectional=True, batch_first=True)
            self.linear = nn.Linear(8, 3)

        def forward(self, x):
            return self.linear(self.lstm(x)[0][:, -1])

    found = operations(Net(), {"x": torch.randn(2, 10, 5)})
    recurrent = 2 * 2 * 10 * 2 * (4 * 4 * (5 + 4))
    assert found == recurrent + 2 * 2 * 8 * 3


def test_operations_of_a_fitted_system(X):
    assert small().fit(X, LABELS).operations(X[:2]) == 2 * 2 * 80 * 4


def test_utterances_that_are_no_numbers_stop_the_run(tmp_path, X):
    bad = {key: np.full((3, 16), np.inf, np.float32) for key in KEYS}
    view = View(KEYS, {"logmel": [write_features(tmp_path / "b.h5", bad)], "ssl": X._sources["ssl"]})
    with pytest.raises(UserError, match="no number"):
        small().fit(view, LABELS)
