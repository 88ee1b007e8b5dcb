"""Linear discriminant analysis by scikit-learn, and how sure it says that it is."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import log_loss

from pipeline.storage.source import Arrays
from pipeline.systems.discriminant import discriminant_path, sharpness
from pipeline.systems.probe import Probe
from pipeline.systems.soft_labels import of_labels
from pipeline.systems.view import View

CODES = np.array([0, 1, 1, 2, 1] * 8)
TRUTH = of_labels(CODES, 3)


class Ridge(BaseEstimator):
    """The covariance of a class with a constant on its diagonal."""

    def __init__(self, constant=1.0):
        self.constant = constant

    def fit(self, x):
        self.covariance_ = np.cov(x.T, bias=True) + self.constant * np.eye(x.shape[1])
        return self


def table(dims):
    rng = np.random.default_rng(dims)
    return rng.standard_normal((3, dims))[CODES] + 2 * rng.standard_normal((len(CODES), dims)) + 5


@pytest.mark.parametrize("dims", [6, 40, 300], ids=["few", "as many as rows", "more than rows"])
@pytest.mark.parametrize("balanced", [True, False])
def test_it_is_scikit_learns(dims, balanced):
    x, other = table(dims), table(dims)[::-1] * 1.1
    strengths = (1e-4, 1e-2, 1.0)
    for strength, (weight, bias) in zip(strengths, discriminant_path(x, TRUTH, strengths, balanced), strict=True):
        priors = np.full(3, 1 / 3) if balanced else np.bincount(CODES) / len(CODES)
        ridge = Ridge(1 / (strength * len(x)))
        theirs = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=ridge, priors=priors).fit(x, CODES)
        ours = softmax(other @ weight.T + bias, axis=1)
        np.testing.assert_allclose(ours, theirs.predict_proba(other), atol=1e-7)


@pytest.mark.parametrize("balanced", [True, False])
def test_shares_are_utterances_that_are_there_as_often(balanced):
    x, rng = table(6), np.random.default_rng(3)
    votes = 3 * TRUTH.astype(int) + np.eye(3, dtype=int)[rng.integers(0, 3, len(CODES))]  # of four raters
    rows, codes = (np.repeat(each, votes.ravel()) for each in np.divmod(np.arange(votes.size), 3))
    ((weight, bias),) = discriminant_path(x, votes / 4, [0.01], balanced)
    priors = np.full(3, 1 / 3) if balanced else votes.sum(axis=0) / votes.sum()
    ridge = Ridge(1 / (0.01 * len(x)))
    theirs = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=ridge, priors=priors).fit(x[rows], codes)
    np.testing.assert_allclose(softmax(x @ weight.T + bias, axis=1), theirs.predict_proba(x), atol=1e-7)


def test_the_factor_of_shares_has_the_lowest_cross_entropy():
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.ones(3), len(CODES))
    scores = 0.5 * np.log(truth + 0.05) + 0.1 * rng.standard_normal(truth.shape)
    factor = sharpness(scores, truth)
    losses = {
        other: -(truth * log_softmax(other * scores, axis=1)).sum() for other in (0.9 * factor, factor, 1.1 * factor)
    }
    assert min(losses, key=losses.get) == factor
    assert 1 < factor < 4


def test_the_factor_is_the_temperature_of_the_lowest_log_loss():
    rng = np.random.default_rng(0)
    scores = 8 * (np.eye(3)[CODES] + rng.standard_normal((len(CODES), 3)))
    factor = sharpness(scores, TRUTH)
    losses = {other: log_loss(CODES, softmax(other * scores, axis=1)) for other in (0.9 * factor, factor, 1.1 * factor)}
    assert min(losses, key=losses.get) == factor
    assert 0.05 < factor < 0.9
    assert sharpness(scores / 2, TRUTH) == pytest.approx(2 * factor, rel=1e-3)


def test_a_probe_by_it_is_surer_of_new_speakers_only_where_it_is_right():
    """Without the factor, of inner folds, it is as sure as it is of what it was fitted to."""
    rng = np.random.default_rng(1)
    centres, keys = rng.standard_normal((3, 200)), [f"u{i:03d}" for i in range(240)]
    labels = np.array(["angry", "happy", "sad"])[np.arange(240) % 3]
    rows = [(0.16 * centres[i % 3] + rng.standard_normal(200))[None].astype(np.float32) for i in range(240)]
    source = Arrays({"layer_03": rows}, keys=keys, extractor="ssl", params={"pool": "mean_std"})
    view = View(keys, {"ssl": [source]}, {"speaker": {key: f"s{i // 15}" for i, key in enumerate(keys)}})
    model = Probe(classifier="lda", c=(0.001, 0.01, 0.1)).fit(view[range(120)], labels[:120])
    probabilities = model.predict_proba(view[range(120, 240)])
    right = (model.classes_[probabilities.argmax(axis=1)] == labels[120:]).mean()
    assert right > 0.5
    assert probabilities.max(axis=1).mean() == pytest.approx(right, abs=0.12)
    assert model.predict_proba(view[range(120)]).max(axis=1).mean() > right
