"""Cross-validation with a toy classifier that says of every probability which model it came from."""

import json
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from feature_files import corpus, manifest_row, write_features

from pipeline.audio.keys import source_key
from pipeline.config.protocols import GroupedKFold, LeaveOneSpeakerOut, StratifiedSplit
from pipeline.errors import UserError
from pipeline.evaluation.leaks import check_leaks
from pipeline.experiments.cross_validation import Experiment, cross_validate
from pipeline.experiments.predictions import Predictions
from pipeline.experiments.protocols import inner_folds, split
from pipeline.strict import Strict
from pipeline.systems.system import System

ROWS = corpus(speakers=6, emotions=("angry", "happy", "sad"), takes=2)
EMOTION = {row.key: row.emotion for row in ROWS}
SPEAKER = {row.key: row.speaker for row in ROWS}
NOISES = ("10dB", "20dB")


class ToyParams(Strict):
    epochs: int = 2


class Toy(System):
    """Model number n, counted from 1, gives the first class the probability n / 1000."""

    Params = ToyParams
    models = []

    def fit(self, X, y, validation, on_epoch):
        Toy.models.append(self)
        self.number = len(Toy.models)
        self.keys, self.y, self.values = X.keys.tolist(), list(y), [rows[0, 0] for rows in X.arrays("logmel")]
        self.validated, self.validated_y = (
            (validation[0].keys.tolist(), list(validation[1])) if validation else ([], [])
        )
        self.predicted = []
        self.classes_ = np.unique(y)
        self.history_ = [{"epoch": 1, "train_loss": 1.5}, {"epoch": 2, "train_loss": 0.5, "valid_loss": 0.25}]
        for _ in range(self.epochs):
            on_epoch()
        return self

    def predict_proba(self, X):
        self.predicted += X.keys.tolist()
        first = self.number / 1000
        return np.tile([first, *[(1 - first) / (len(self.classes_) - 1)] * (len(self.classes_) - 1)], (len(X), 1))

    def save(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(self.number))

    def load(self, path, X, classes):
        raise NotImplementedError

    def parameter_count(self):
        return 42


def value_of(key):
    """What the toy feature files hold for a key."""
    return np.float32(sum(key.encode()))


@pytest.fixture
def run(tmp_path):
    def cross(protocol, rows=ROWS, copies=True, seed=3, holds_out=True, trainings=1):
        Toy.models = []
        keys = [row.key for row in rows]
        noisy = [f"{key}@{level}" for key in keys for level in NOISES]

        def features(name, keys):
            return write_features(tmp_path / f"{name}.h5", {key: np.full((2, 3), value_of(key)) for key in keys})

        experiment = Experiment(
            name="toy_experiment",
            system="toy",
            classifier=Toy,
            settings=ToyParams(),
            protocol=protocol,
            rows=rows,
            clean={"logmel": features("clean", keys)},
            copied={"logmel": features("noisy", noisy)} if copies else {},
            seed=seed,
            holds_out=holds_out,
            trainings=trainings,
        )
        return cross_validate(experiment, tmp_path / "models")[0]

    return cross


PROTOCOLS = {
    "loso": LeaveOneSpeakerOut(scheme="leave_one_speaker_out"),
    "grouped": GroupedKFold(scheme="grouped_kfold", folds=3, validation_speakers=1, inner_folds=3),
    "stratified": StratifiedSplit(scheme="stratified_split", validation=0.2, test=0.2, inner_folds=2),
}
every_protocol = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)


def makers(found, where):
    """The model that made each row's probabilities."""
    return [Toy.models[round(found.rows[i][0] * 1000) - 1] for i in where]


@every_protocol
def test_noisy_copies_join_the_training_part_of_their_own_source(run, protocol):
    found = run(protocol)
    assert Toy.models
    for model in Toy.models:
        clean = [key for key in model.keys if source_key(key) == key]
        assert sorted(model.keys) == sorted([*clean, *(f"{key}@{level}" for key in clean for level in NOISES)])
        assert len(set(model.keys)) == len(model.keys)
        assert model.y == [EMOTION[source_key(key)] for key in model.keys]
        assert model.values == [value_of(key) for key in model.keys]
    for fold in found.folds:
        held_out = {*fold["validation"], *fold["test"]}
        assert not held_out & {source_key(key) for key in fold["train"]}


def test_inner_models_are_watched_on_classes_that_they_are_fitted_on(run):
    speakers = sorted({row.speaker for row in ROWS})
    rows = [row for row in ROWS if row.emotion != "sad" or row.speaker in speakers[:3]]
    run(LeaveOneSpeakerOut(scheme="leave_one_speaker_out", validation_speakers=1, inner_folds=2), rows)
    assert any("sad" not in model.y for model in Toy.models)
    for model in Toy.models:
        assert model.validated
        assert {*model.validated_y} <= {*model.y}


@every_protocol
def test_what_is_validated_on_and_predicted_is_clean_and_unseen(run, protocol):
    run(protocol)
    for model in Toy.models:
        assert set(model.validated) <= set(EMOTION)
        assert set(model.predicted) <= set(EMOTION)
        assert model.validated_y == [EMOTION[key] for key in model.validated]
        assert not {source_key(key) for key in model.keys} & {*model.validated, *model.predicted}


@pytest.mark.parametrize("name", ["loso", "grouped"])
def test_every_utterance_is_tested_once_by_a_model_that_never_heard_the_speaker(run, name):
    found = run(PROTOCOLS[name])
    tested = found.where("test")
    assert sorted(found.keys[i] for i in tested) == sorted(EMOTION)
    assert [found.emotions[i] for i in tested] == [EMOTION[found.keys[i]] for i in tested]
    for i, model in zip(tested, makers(found, tested), strict=True):
        assert SPEAKER[found.keys[i]] not in {SPEAKER[source_key(key)] for key in model.keys}


@every_protocol
def test_inner_folds_give_the_training_part_probabilities_of_models_not_fitted_on_it(run, protocol):
    found = run(protocol)
    assert len(Toy.models) == len(found.folds) * (1 + protocol.inner_folds)
    for number, fold in enumerate(found.folds):
        rows = found.where("training", number)
        clean = [key for key in fold["train"] if key in EMOTION]
        assert sorted(found.keys[i] for i in rows) == (sorted(clean) if protocol.inner_folds else [])
        models = makers(found, rows)
        assert len({model.number for model in models}) == protocol.inner_folds
        for i, model in zip(rows, models, strict=True):
            heard = {source_key(key) for key in model.keys}
            assert found.keys[i] not in heard
            assert heard <= set(clean)
            assert model.validated == fold["validation"]
            if protocol.scheme != "stratified_split":
                assert SPEAKER[found.keys[i]] not in {SPEAKER[key] for key in heard}


@every_protocol
def test_folds_are_those_of_the_protocol(run, protocol):
    found = run(protocol)
    folds = split(ROWS, protocol, 3)
    assert len(found.folds) == len(folds)
    outer = [model for model in Toy.models if model.number in {m.number for m in makers(found, found.where("test"))}]
    for number, (written, fold, model) in enumerate(zip(found.folds, folds, outer, strict=True)):
        assert written["test"] == [ROWS[i].key for i in fold.test]
        assert written["validation"] == [ROWS[i].key for i in fold.validation]
        assert sorted(key for key in written["train"] if key in EMOTION) == [ROWS[i].key for i in fold.train]
        assert written["train"] == model.keys  # noisy copies too
        for part in ("test", "validation"):
            assert [found.keys[i] for i in found.where(part, number)] == written[part]
            assert {m.number for m in makers(found, found.where(part, number))} == {model.number}
        parts = inner_folds(ROWS, fold.train, protocol, 3)
        inner = [ROWS[i].key for _, predicted in parts for i in predicted]
        assert [found.keys[i] for i in found.where("training", number)] == inner


@pytest.mark.parametrize(
    "protocol",
    [
        StratifiedSplit(scheme="stratified_split", validation=0, test=0.2),
        LeaveOneSpeakerOut(scheme="leave_one_speaker_out", validation_speakers=0),
    ],
)
def test_without_a_validation_part_all_but_the_test_part_is_trained_on(run, protocol):
    found = run(protocol, copies=False)
    assert len(found.where("validation")) == 0
    for model, fold in zip(Toy.models, found.folds, strict=True):
        assert model.validated == fold["validation"] == []
        assert sorted([*model.keys, *fold["test"]]) == sorted(row.key for row in ROWS)


@every_protocol
def test_a_validation_part_of_no_use_is_trained_on(run, protocol):
    held, found = run(protocol), run(protocol, holds_out=False)
    assert len(found.where("validation")) == 0
    assert not any(model.validated for model in Toy.models)
    for fold, other in zip(found.folds, held.folds, strict=True):
        assert fold["test"] == other["test"]
        clean = [key for key in fold["train"] if key in EMOTION]
        assert clean == sorted([*(key for key in other["train"] if key in EMOTION), *other["validation"]])
        assert len(fold["train"]) == 3 * len(clean)
    check_leaks("toy", found, ROWS)


def test_each_training_has_seeds_of_its_own_and_the_same_split(run):
    """Two splits, each of which is trained three times."""
    protocol = GroupedKFold(scheme="grouped_kfold", folds=2, validation_speakers=1, inner_folds=0, repeats=2)
    found = run(protocol, trainings=3)
    assert [model.seed for model in Toy.models] == [seed for seed in range(3, 9) for _ in range(2)]
    once = run(protocol).folds
    assert found.folds == [*once[:2] * 3, *once[2:] * 3]
    assert (found.splits, found.trainings, found.folds_of_a_split, found.card["trainings"]) == (6, 3, 2, 3)
    check_leaks("toy", found, ROWS)


def test_one_training_leaves_the_card_as_it_was(run):
    assert "trainings" not in run(PROTOCOLS["grouped"]).card


def test_each_repeat_is_an_experiment_of_its_own_seed(run):
    options = {"scheme": "grouped_kfold", "folds": 2, "inner_folds": 2, "validation_speakers": 1}
    together = run(GroupedKFold(**options, repeats=2), seed=3)
    assert [model.seed for model in Toy.models] == [3] * 6 + [4] * 6
    apart = run(GroupedKFold(**options), seed=3)
    assert apart.folds == together.folds[:2]
    for repeat in range(2):
        tested = [key for fold in together.folds[2 * repeat :][:2] for key in fold["test"]]
        assert sorted(tested) == sorted(EMOTION)
    check_leaks("toy", together, ROWS)


def test_models_card_and_predictions_are_written(run, tmp_path):
    found = run(PROTOCOLS["grouped"])
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [
        "card.json",
        "fold_00.safetensors",
        "fold_01.safetensors",
        "fold_02.safetensors",
    ]
    for number in range(3):
        tester = makers(found, found.where("test", number))[0]
        assert (tmp_path / "models" / f"fold_{number:02d}.safetensors").read_text() == str(tester.number)
    card = json.loads((tmp_path / "models" / "card.json").read_text())
    assert card.pop("classes") == ["angry", "happy", "sad"]
    assert card.pop("folds") == [["angry", "happy", "sad"]] * 3
    assert {role: said["version"] for role, said in card.pop("features").items()} == {"logmel": "1"}
    assert card.pop("format") == "ser-model/1"
    files = [(tmp_path / "models" / f"fold_{number:02d}.safetensors").read_bytes() for number in range(3)]
    assert card.pop("weights") == [sha256(data).hexdigest() for data in files]
    assert card == found.card
    assert card["corpus"] == "toy"
    assert card["system"] == "toy"
    assert card["protocol"]["scheme"] == "grouped_kfold"
    assert card["params"] == {"epochs": 2}
    assert card["cost"] == {
        "parameters": 42,
        "pretrained_parameters": 0,
        "operations": None,
        "pretrained_operations": 0.0,
        "features": [],
    }
    assert card["seed"] == 3
    assert not card["speaker_dependent"]
    assert not card["random_backbone"]

    found.write(tmp_path / "predictions")
    again = Predictions.read(tmp_path / "predictions")
    assert again.folds == found.folds
    assert [row["fold"] for row in again.curves] == [0, 0, 1, 1, 2, 2]
    assert again.curves[1] == {"fold": 0, "epoch": 2, "train_loss": 0.5, "valid_loss": 0.25}


def test_the_card_tells_of_what_a_reader_must_beware(run):
    assert run(PROTOCOLS["stratified"]).card["speaker_dependent"]


@pytest.mark.parametrize(("model", "random"), [("tiny", True), ("facebook/hubert-base-ls960", False)])
def test_the_card_tells_of_random_backbones(tmp_path, model, random):
    keys = [row.key for row in ROWS]
    files = {
        "logmel": write_features(tmp_path / "l.h5", {key: np.zeros((1, 2)) for key in keys}),
        "ssl": write_features(tmp_path / "s.h5", {key: np.zeros((1, 2)) for key in keys}, "ssl", model=model),
    }
    experiment = Experiment("e", "toy", Toy, ToyParams(), PROTOCOLS["loso"], ROWS, files, {}, 0)
    card = cross_validate(experiment, tmp_path / "models")[0].card
    assert card["random_backbone"] == random
    assert card["inputs"] == {"logmel": "logmel", "ssl": "ssl"}


def test_the_seed_reaches_splits_and_models(run):
    first, second = (run(PROTOCOLS["grouped"], seed=seed).folds for seed in (0, 1))
    assert first != second
    assert {model.seed for model in Toy.models} == {1}


def test_without_noisy_copies_training_parts_are_clean(run):
    run(PROTOCOLS["loso"], copies=False)
    assert all(set(model.keys) <= set(EMOTION) for model in Toy.models)


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_an_emotion_a_model_never_heard_gets_no_probability(run):
    # Only s0 and s3 are bored; whichever inner model lacks one of them has three classes.
    rows = sorted([*ROWS, manifest_row("s0-bored", "s0", "bored"), manifest_row("s3-bored", "s3", "bored")],
                  key=lambda row: row.key)  # fmt: skip
    EMOTION.update({"s0-bored": "bored", "s3-bored": "bored"})
    try:
        protocol = LeaveOneSpeakerOut(scheme="leave_one_speaker_out", inner_folds=4)
        found = run(protocol, rows)
    finally:
        del EMOTION["s0-bored"], EMOTION["s3-bored"]
    assert found.classes == ["angry", "bored", "happy", "sad"]
    lacking = 0
    for i in range(len(found.rows)):
        (model,) = [m for m in Toy.models if m.number == round(found.rows[i][0] * 1000)]
        assert found.rows[i].sum() == pytest.approx(1)
        assert (found.rows[i][1] == 0) == ("bored" not in model.classes_)
        lacking += "bored" not in model.classes_
    assert lacking


def test_leaks_of_a_protocol_stop_the_run_before_any_training(run):
    with pytest.raises(UserError, match="has 2 speakers"):
        run(PROTOCOLS["loso"], [row for row in ROWS if row.speaker in ("s0", "s1")])
    assert Toy.models == []


def test_twins_are_trained_on_together_and_are_on_the_card(run):
    rows = [replace(row, twin=row.key[:-1] + "0" if row.key.endswith("1") else "") for row in ROWS]
    found = run(PROTOCOLS["stratified"], rows=rows)
    assert found.card["twins"] == {row.key: row.twin for row in rows if row.twin}
    for fold in found.folds:
        parts = [{source_key(key)[:-1] for key in part} for part in fold.values()]
        assert sum(map(len, parts)) == len(set().union(*parts)) == len(ROWS) // 2
    check_leaks("toy", found, rows)


class FineTuned(Toy):
    """Fails to fit a second model, where that is asked for."""

    class Params(ToyParams):
        model: str

    blocks_of = "model"
    fails = False

    def fit(self, X, y, validation, on_epoch):
        if FineTuned.fails and Toy.models:
            raise UserError("cut short")
        return super().fit(X, y, validation, on_epoch)


class OnStates(FineTuned):
    """Starts from blocks of the model that made the hidden states."""

    class Params(ToyParams):
        top_blocks: int

    blocks_of = "logmel"
    blocks_where = "top_blocks"


@pytest.mark.parametrize(("replaced", "fitted"), [(b"others", 6), (b"weights", 5)])
@pytest.mark.parametrize("blocks", [None, 1, 0])
def test_a_training_goes_on_only_with_the_pretrained_weights_that_it_began_with(replaced, fitted, blocks, tmp_path):
    weights = tmp_path / "pretrained" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    frames = {row.key: np.full((2, 3), value_of(row.key)) for row in ROWS}
    own = {"model": str(weights.parent)}
    kind = FineTuned if blocks is None else OnStates
    settings = kind.Params(**(own if blocks is None else {"top_blocks": blocks}))
    files = {"logmel": write_features(tmp_path / "frames.h5", frames, **({} if blocks is None else own))}
    experiment = Experiment("fine_tuned", "fine_tuned", kind, settings, PROTOCOLS["loso"], ROWS, files)
    Toy.models, FineTuned.fails = [], True
    with pytest.raises(UserError, match="cut short"):
        cross_validate(experiment, tmp_path / "models", workers=1)
    weights.write_bytes(replaced)
    Toy.models, FineTuned.fails = [], False
    cross_validate(experiment, tmp_path / "models", workers=1)
    assert len(Toy.models) == (5 if blocks == 0 else fitted)
