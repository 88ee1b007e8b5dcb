"""Trainings of the papers' networks: the epoch kept, schedules, early stopping, and numbers that are none."""

import numpy as np
import pytest
from feature_files import EMOTIONS, write_logmel, write_states
from system_checks import KEYS, LABELS, classifier, view

from pipeline.errors import UserError
from pipeline.systems import CURVE
from pipeline.systems.caf import CAF
from pipeline.systems.spectrogram import SpectrogramBranch
from pipeline.systems.wav2vec import Wav2vecBranch

pytestmark = pytest.mark.usefixtures("one_thread")

FAST = {
    "caf": (CAF, {"epochs": 12, "batch_size": 8, "learning_rate": 1e-3, "dropout": 0.0}),
    "spectrogram": (
        SpectrogramBranch,
        {"epochs": 25, "batch_size": 8, "patience": 0, "dropout": 0.0, "learning_rate": 0.02},
    ),
    "wav2vec": (
        Wav2vecBranch,
        {
            "epochs": 30,
            "batch_size": 8,
            "patience": 0,
            "dropout": 0.0,
            "learning_rate": 1e-3,
            "schedule": "constant",
        },
    ),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    return {"logmel": write_logmel(folder / "logmel.h5", KEYS), "ssl": write_states(folder / "ssl.h5", KEYS)}


def make(name, seed=0, **changes):
    return classifier(*FAST[name], seed, **changes)


def log_loss(model, X, labels):
    found = model.predict_proba(X)
    return -np.log(found[np.arange(len(labels)), np.searchsorted(model.classes_, labels)]).mean()


@pytest.mark.parametrize("name", FAST)
def test_the_epoch_of_the_lowest_validation_loss_is_kept(files, name):
    X = view(files, FAST[name][0].roles)
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
    X = view(files, Wav2vecBranch.roles)
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
    X = view(files, CAF.roles)
    model = make("caf", epochs=3).fit(X[:8], LABELS[:8], (X[8:], LABELS[8:]), on_epoch=lambda: told.append(1))
    assert len(told) == 3
    assert [row["epoch"] for row in model.history_] == [1, 2, 3]
    assert all(set(row) == {*CURVE} for row in model.history_)


def test_without_patience_all_epochs_run_and_the_best_is_kept(files):
    X = view(files, CAF.roles)
    wrong = [EMOTIONS[(EMOTIONS.index(label) + 1) % 4] for label in LABELS[8:]]
    model = make("caf", epochs=12).fit(X[:8], LABELS[:8], validation=(X[8:], wrong))
    losses = [row["valid_loss"] for row in model.history_]
    assert len(losses) == 12
    assert losses[-1] > min(losses) * 1.001
    assert log_loss(model, X[8:], wrong) == pytest.approx(min(losses), rel=1e-4)


@pytest.mark.parametrize("patience", [0, 2])
def test_a_validation_part_that_is_only_watched_changes_no_weight(files, patience):
    X = view(files, CAF.roles)
    alone = make("caf", epochs=4).fit(X[:8], LABELS[:8])
    watched = make("caf", epochs=4, stop=False, patience=patience)
    watched.fit(X[:8], LABELS[:8], validation=(X[8:], LABELS[8:]))
    np.testing.assert_array_equal(watched.predict_proba(X), alone.predict_proba(X))
    assert [row["train_loss"] for row in watched.history_] == [row["train_loss"] for row in alone.history_]
    assert log_loss(watched, X[8:], LABELS[8:]) == pytest.approx(watched.history_[-1]["valid_loss"], rel=1e-4)


def test_patience_that_is_only_watched_needs_no_validation_part(files):
    assert len(make("caf", epochs=2, stop=False, patience=2).fit(view(files, CAF.roles), LABELS).history_) == 2


def test_the_training_accuracy_of_a_network_that_stands_still_is_its_accuracy(files):
    X = view(files, CAF.roles)
    model = make("caf", epochs=1, batch_size=5, optimizer="sgd", learning_rate=1e-20).fit(X, LABELS)
    assert model.history_[0]["train_acc"] == pytest.approx(model.score(X, LABELS))


@pytest.mark.parametrize(
    ("options", "rates"),
    [
        ({"schedule": "constant"}, [1, 1, 1, 1]),
        ({"schedule": "step", "step_epochs": 2, "step_factor": 0.5}, [1, 1, 0.5, 0.5]),
        ({"schedule": "cosine"}, [(1 + np.cos(np.pi * epoch / 4)) / 2 for epoch in range(4)]),
    ],
)
def test_schedules(files, options, rates):
    model = make("caf", epochs=4, learning_rate=1e-4, batch_size=4, **options)
    net = model.fit(view(files, CAF.roles)[:8], LABELS[:8]).nets_[0]
    if options["schedule"] == "constant":
        assert net.optimizer_.param_groups[0]["lr"] == 1e-4
    else:
        used = [[batch["event_lr"] for batch in epoch["batches"]] for epoch in net.history]
        np.testing.assert_allclose(used, 1e-4 * np.repeat(rates, 2).reshape(4, 2), rtol=1e-9)


@pytest.mark.parametrize("name", FAST)
def test_patience_needs_a_validation_part(files, name):
    with pytest.raises(UserError, match="patience 2 needs a validation part"):
        make(name, patience=2).fit(view(files, FAST[name][0].roles), LABELS)


@pytest.mark.parametrize("name", FAST)
def test_a_loss_that_is_no_number_stops_the_run(files, name):
    model = make(name, optimizer="sgd", learning_rate=1e30, clip_norm=None, epochs=5)
    with pytest.raises(UserError, match="loss is no number after epoch"):
        model.fit(view(files, FAST[name][0].roles), LABELS)


@pytest.mark.parametrize("name", ["caf", "spectrogram"])
def test_probabilities_that_are_no_numbers_are_never_given(files, name):
    X = view(files, FAST[name][0].roles)
    # The only batch's loss is taken before its step, so training ends without a complaint.
    model = make(name, optimizer="sgd", learning_rate=1e30, clip_norm=None, epochs=1, batch_size=16).fit(X, LABELS)
    with pytest.raises(UserError, match="probabilities are no numbers"):
        model.predict_proba(X)


def test_an_emotion_that_is_only_validated_on_is_refused(files):
    X = view(files, CAF.roles)
    with pytest.raises(UserError, match="'bored' is validated on but not trained on"):
        make("caf").fit(X[:8], LABELS[:8], validation=(X[8:], ["bored"] * 8))
