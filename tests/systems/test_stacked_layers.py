"""A probe whose layers have a classifier each, and count by what inner folds tell."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss
from system_checks import check_saved

from pipeline.errors import ParamsError
from pipeline.storage.source import Arrays
from pipeline.systems.probe import Probe
from pipeline.systems.soft_labels import of_labels
from pipeline.systems.stacked_layers import PULL, joined, shares_of
from pipeline.systems.view import View

pytestmark = pytest.mark.usefixtures("one_thread")

COUNT, WIDTH = 96, 10
KEYS = [f"u{i:02d}" for i in range(COUNT)]
CODES = np.arange(COUNT) % 3
LABELS = np.array(["angry", "happy", "sad"])[CODES]
SPEAKERS = {key: f"s{i // 12}" for i, key in enumerate(KEYS)}


def rows(signal, seed):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((3, WIDTH))
    return [(signal * centres[code] + rng.standard_normal(WIDTH))[None].astype(np.float32) for code in CODES]


@pytest.fixture(scope="module")
def X():
    """Three layers, of which two tell the classes apart, each in its own way; and other features, which do a little."""
    layers = {f"layer_{number:02d}": rows(signal, number) for number, signal in ((0, 0.0), (3, 0.5), (12, 0.5))}
    ssl = Arrays(layers, keys=KEYS, extractor="ssl", params={"pool": "mean_std"})
    prosody = Arrays({"values": rows(0.3, 7)}, keys=KEYS, extractor="prosody")
    return View(KEYS, {"prosody": [prosody], "ssl": [ssl]}, {"speaker": SPEAKERS})


@pytest.mark.parametrize("classifier", ["linear", "lda"])
@pytest.mark.parametrize("roles", [["ssl"], ["prosody", "ssl"]])
def test_it_is_the_sum_of_the_layers_own_probes_by_their_shares(X, classifier, roles):
    params = {"classifier": classifier, "c": (0.003, 0.03)}
    view = X.only(roles)
    stacked = Probe(layers="stacked", **params).fit(view, LABELS)
    alone = [Probe(layers=layer, **params).fit(X.only(["ssl"]), LABELS) for layer in (0, 3, 12)]
    members = [one.predict_proba(X.only(["ssl"])) for one in alone]
    if "prosody" in roles:
        members.append(Probe(**params).fit(X.only(["prosody"]), LABELS).predict_proba(X.only(["prosody"])))
        assert stacked.c_[-1] in params["c"]
    shares = stacked.numbers_["shares"]
    summed = sum(share * np.log(one) for share, one in zip(shares, members, strict=True))
    np.testing.assert_allclose(stacked.predict_proba(view), softmax(summed, axis=1), atol=1e-6)
    assert [*stacked.c_][:3] == [one.c_ for one in alone]
    assert shares[0] < min(shares[1:3])
    names = ["layer 0", "layer 3", "layer 12", *(["other features"] if "prosody" in roles else [])]
    assert stacked.choices() == {f"share of {name}": share for name, share in zip(names, shares, strict=True)}
    assert [*stacked.variants(view)] == ["0", "3", "12"]
    assert stacked.chosen_variant() == ""


def test_it_is_better_of_new_speakers_than_a_layer_alone(X):
    ssl = X.only(["ssl"])
    part, rest = ssl[range(60)], ssl[range(60, COUNT)]
    params = {"classifier": "lda", "c": (0.003, 0.03)}
    stacked, *alone = (Probe(layers=one, **params).fit(part, LABELS[:60]) for one in ("stacked", 3, 12))
    losses = [log_loss(LABELS[60:], one.predict_proba(rest)) for one in (stacked, *alone)]
    assert losses[0] < min(losses[1:])


def test_shares_have_the_lowest_loss_and_are_pulled_together():
    rng = np.random.default_rng(0)
    knowing = 2 * np.eye(3)[CODES] + rng.standard_normal((COUNT, 3))
    members = [log_softmax(one, axis=1) for one in (knowing, rng.standard_normal((COUNT, 3)))]
    truth = of_labels(CODES, 3)
    shares = shares_of(members, truth)

    def loss(weights):
        summed = sum(weight * one for weight, one in zip(weights, members, strict=True))
        return log_loss(CODES, softmax(summed, axis=1)) + PULL * np.square(np.subtract(weights, 0.5)).sum()

    assert shares[0] > 0.5 > shares[1] >= 0
    for step in ([0.01, 0], [-0.01, 0], [0, 0.01]):
        assert loss(shares) < loss(shares + np.array(step))
    assert shares_of(members, truth[:0]).tolist() == [0.5, 0.5]


def test_shares_of_classes_have_the_lowest_cross_entropy():
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.ones(3), COUNT)
    members = [log_softmax(np.log(truth + 0.1) + one * rng.standard_normal((COUNT, 3)), axis=1) for one in (0.3, 1.5)]
    shares = shares_of(members, truth)

    def loss(weights):
        summed = sum(weight * one for weight, one in zip(weights, members, strict=True))
        entropy = -(truth * log_softmax(summed, axis=1)).sum(axis=1).mean()
        return entropy + PULL * np.square(np.subtract(weights, 0.5)).sum()

    assert shares[0] > shares[1] >= 0
    for step in ([0.01, 0], [-0.01, 0], [0, 0.01]):
        assert loss(shares) < loss(shares + np.array(step))


def test_joined_classifiers_are_one_of_all_columns():
    weight, bias = joined(
        [np.ones((2, 1)), 2 * np.ones((2, 2))], [np.ones(2), np.zeros(2)], [np.array([2]), np.array([0, 1])],
        np.array([0.5, 0.25]), 3,
    )  # fmt: skip
    assert (weight.tolist(), bias.tolist()) == ([[0.5, 0.5, 0.5]] * 2, [0.5, 0.5])


@pytest.mark.parametrize("labels", [LABELS, np.where(LABELS == "sad", "sad", "angry")], ids=["three", "two"])
def test_it_is_the_same_loaded_and_fitted_again(X, tmp_path, labels):
    params = {"layers": "stacked", "classifier": "lda", "c": (0.01, 0.1)}
    model = Probe(**params).fit(X, labels)
    check_saved(model, X, tmp_path)
    np.testing.assert_array_equal(Probe(**params).fit(X, labels).predict_proba(X), model.predict_proba(X))


def test_without_folds_layers_count_the_same(X):
    one = X[[0, 1, 2]]
    model = Probe(layers="stacked", c=(0.01, 0.1, 1.0)).fit(one, LABELS[:3])
    assert model.numbers_["shares"].tolist() == [0.25] * 4
    assert model.c_ == (0.1,) * 4


def test_mistakes(X):
    with pytest.raises(ParamsError, match="mlp does not go with layers stacked"):
        Probe(layers="stacked", classifier="mlp").fit(X, LABELS)
