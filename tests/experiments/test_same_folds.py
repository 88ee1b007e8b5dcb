"""Every system gives under scikit-learn's cross-validation what the stage `train` gives, to the bit."""

from typing import ClassVar

import numpy as np
import pytest
from every_system import files_of, tiny_params, write_every_role
from feature_files import corpus
from pydantic import Field
from safetensors.numpy import load_file, save_file
from sklearn.model_selection import cross_val_predict

from pipeline.config.protocols import GroupedKFold
from pipeline.experiments.cross_validation import cross_validate
from pipeline.experiments.experiment import Experiment
from pipeline.experiments.protocols import split
from pipeline.jobs.executors import single_thread
from pipeline.serving.models import Model
from pipeline.strict import validate
from pipeline.systems import SystemEntry, systems
from pipeline.systems.estimator import Estimator
from pipeline.systems.normalisation import SystemParams
from pipeline.systems.system import System, unreported

ROWS = corpus(speakers=4, takes=1)
PROTOCOL = GroupedKFold(scheme="grouped_kfold", folds=2, validation_speakers=0)
SEED = 3


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_every_role(tmp_path_factory.mktemp("features"), [row.key for row in ROWS])


def experiment_of(name, files, **params):
    kind = systems()[name].load()
    settings = validate(kind.Params, tiny_params(name) | params)
    return Experiment(f"{name}_toy", name, kind, settings, PROTOCOL, ROWS, files_of(name, files), seed=SEED)


def by_scikit_learn(experiment, estimator):
    """Out-of-fold probabilities of all rows (N, C), with the experiment's own folds."""
    X, y = experiment.view([row.key for row in ROWS]), np.array([row.emotion for row in ROWS])
    folds = [(fold.train, fold.test) for fold in split(ROWS, PROTOCOL, SEED)]
    with single_thread():
        return cross_val_predict(estimator, X, y, cv=folds, method="predict_proba")


def by_the_pipeline(experiment, folder):
    """The same, in the order of rows."""
    predictions, _ = cross_validate(experiment, folder / "models", workers=1)
    rows = {predictions.keys[i]: predictions.rows[i] for i in predictions.where("test")}
    assert predictions.classes == sorted({row.emotion for row in ROWS})
    return np.array([rows[row.key] for row in ROWS])


@pytest.mark.parametrize("name", systems())
def test_scikit_learn_gives_the_pipelines_probabilities(files, tmp_path, name):
    experiment = experiment_of(name, files)
    estimator = systems()[name].load()(**tiny_params(name), seed=SEED)
    found = by_scikit_learn(experiment, estimator)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, by_the_pipeline(experiment, tmp_path))


@pytest.mark.parametrize("name", ["pooled", "cnn"])
def test_so_it_is_for_statistics_per_speaker(files, tmp_path, name):
    experiment = experiment_of(name, files, normalisation="per_speaker")
    found = by_scikit_learn(experiment, experiment.untrained())
    np.testing.assert_array_equal(found, by_the_pipeline(experiment, tmp_path))
    assert (found != by_scikit_learn(experiment, experiment.untrained().set_params(normalisation="training"))).any()


class MinimalParams(SystemParams):
    shift: float = Field(0.0)


class Minimal(System):
    """A system with what is abstract and nothing else: the share of each class; it keeps all names asked for."""

    name = "minimal"
    roles = ("mfcc",)
    Params = MinimalParams
    asked: ClassVar[set[str]] = set()

    def __getattribute__(self, name):
        Minimal.asked.add(name)
        return super().__getattribute__(name)

    def fit(self, X, y, validation=None, on_epoch=unreported):
        self.classes_, counts = np.unique(y, return_counts=True)
        self.shares_ = counts / counts.sum()
        return self

    def predict_proba(self, X):
        return np.tile(self.shares_, (len(X), 1))

    def parameter_count(self):
        return len(self.shares_)

    def save(self, path):
        save_file({"shares": self.shares_}, path)

    def load(self, path, X, classes):
        self.classes_, self.shares_ = np.array(classes), load_file(path)["shares"]
        return self


def test_a_system_of_what_is_abstract_is_trained_stored_and_predicts(files, tmp_path, monkeypatch):
    Minimal.asked.clear()
    experiment = Experiment("m", "minimal", Minimal, MinimalParams(), PROTOCOL, ROWS, files_of("cnn", files))
    predictions, cost = cross_validate(experiment, tmp_path / "models", workers=1)
    entry = SystemEntry(__name__, "Minimal", ("mfcc",))
    monkeypatch.setattr("pipeline.serving.models.find_system", {"minimal": entry}.__getitem__)
    monkeypatch.setattr("pipeline.experiments.model_card.find_system", {"minimal": entry}.__getitem__)
    monkeypatch.setattr("pipeline.experiments.model_card.systems", lambda: {"minimal": entry})
    model = Model.read(tmp_path / "models")
    X = experiment.view([row.key for row in ROWS])
    np.testing.assert_allclose(model.outputs(X, "cpu"), 0.25)
    assert (len(predictions.where("test")), cost.parameters) == (16, 4)
    promised = {name for kind in (System, Estimator) for name in (*vars(kind), *kind.__annotations__)}
    promised |= {*MinimalParams.model_fields, "seed", "device", "shares_"}
    assert {name for name in Minimal.asked if not name.startswith("__")} <= promised


def test_what_is_trained_says_what_it_is(files, tmp_path):
    experiment = experiment_of("cnn", files)
    said = "cnn by grouped_kfold, 16 utterances, 4 speakers, angry, happy, neutral, sad, mfcc 5"
    assert repr(experiment) == f"Experiment(cnn_toy: {said})"
    predictions, _ = cross_validate(experiment, tmp_path / "models", workers=1)
    assert repr(predictions) == "Predictions(cnn_toy: 2 folds; test 16; angry, happy, neutral, sad)"
    assert repr(Model.read(tmp_path / "models")) == f"Model({tmp_path / 'models'}: cnn, 2 folds)"
