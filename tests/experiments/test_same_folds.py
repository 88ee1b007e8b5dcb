"""Every system gives under scikit-learn's cross-validation what the stage `train` gives, to the bit."""

import numpy as np
import pytest
from every_system import files_of, tiny_params, write_every_role
from feature_files import corpus
from sklearn.model_selection import cross_val_predict

from pipeline.config.protocols import GroupedKFold
from pipeline.experiments.cross_validation import cross_validate
from pipeline.experiments.experiment import Experiment
from pipeline.experiments.protocols import split
from pipeline.jobs.executors import single_thread
from pipeline.strict import validate
from pipeline.systems import systems

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
    X, y = experiment.view([row.key for row in ROWS]), np.array([row.emo for row in ROWS])
    folds = [(fold.train, fold.test) for fold in split(ROWS, PROTOCOL, SEED)]
    with single_thread():
        return cross_val_predict(estimator, X, y, cv=folds, method="predict_proba")


def by_the_pipeline(experiment, folder):
    """The same, in the order of rows."""
    predictions, _ = cross_validate(experiment, folder / "models", workers=1)
    rows = {predictions.keys[i]: predictions.rows[i] for i in predictions.where("test")}
    assert predictions.classes == sorted({row.emo for row in ROWS})
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
