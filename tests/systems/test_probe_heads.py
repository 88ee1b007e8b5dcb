"""What a probe can fit beside logistic regression: layers with learned weights, and a hidden layer."""

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from system_checks import check_saved

from pipeline.errors import DataError, ParamsError
from pipeline.storage.source import Arrays
from pipeline.systems.functionals import vectors
from pipeline.systems.probe import Probe
from pipeline.systems.probe_heads import Linear, Weighted, mixed, scores
from pipeline.systems.soft_labels import class_weights, of_labels, tilted
from pipeline.systems.view import View

pytestmark = pytest.mark.usefixtures("one_thread")

COUNT, WIDTH, LAYERS = 60, 12, (0, 3, 12)
KEYS = [f"u{i:02d}" for i in range(COUNT)]
LABELS = np.array(["angry", "happy", "sad"])[np.arange(COUNT) % 3]
SPEAKERS = {key: f"s{i // 12}" for i, key in enumerate(KEYS)}
HEADS = ({"layers": "weighted"}, {"classifier": "mlp", "hidden": 6}, {"classifier": "lda"})


def rows(signal, seed, width=WIDTH):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((3, width))
    return [(signal * centres[i % 3] + rng.standard_normal(width))[None].astype(np.float32) for i in range(COUNT)]


@pytest.fixture(scope="module")
def X():
    """Three layers, of which the second tells the classes apart, and other features, which the view has first."""
    layers = {f"layer_{number:02d}": rows(signal, number) for number, signal in zip(LAYERS, (0, 1.5, 0.1), strict=True)}
    ssl = Arrays(layers, keys=KEYS, extractor="ssl", params={"pool": "mean_std"})
    prosody = Arrays({"values": rows(0.1, 7, width=5)}, keys=KEYS, extractor="prosody")
    return View(KEYS, {"prosody": [prosody], "ssl": [ssl]}, {"speaker": SPEAKERS})


def test_weighted_layers_find_the_one_that_knows(X):
    model = Probe(layers="weighted", c=(0.01, 0.1)).fit(X, LABELS)
    shares = model.numbers_["layer_weights"]
    assert shares.sum() == pytest.approx(1)
    assert shares.argmax() == 1
    assert shares[1] > 0.5
    assert model.layers_ == LAYERS
    assert model.score(X, LABELS) > 0.9
    assert model.parameter_count() == 3 + 3 * (WIDTH + 5) + 3


def test_layers_that_know_as_much_share():
    """Penalised by the weights alone, the first that is a little ahead would take all."""
    rng = np.random.default_rng(5)
    codes = np.arange(120) % 3
    centres = rng.standard_normal((3, WIDTH))
    z = np.hstack([centres[codes] + 2 * rng.standard_normal((120, WIDTH)) for _ in range(4)])
    for numbers in Weighted(4, WIDTH, balanced=True).path(
        (z - z.mean(axis=0)) / z.std(axis=0), of_labels(codes, 3), (0.001, 0.01)
    ):
        assert numbers["layer_weights"].max() < 0.4


def test_weighted_layers_that_are_the_same_are_the_linear_probe_of_one():
    rng = np.random.default_rng(6)
    truth, z = of_labels(np.arange(60) % 3, 3), rng.standard_normal((60, WIDTH))
    (weighted,) = Weighted(2, WIDTH, balanced=True).path(np.hstack([z, z]), truth, (0.1,))
    (linear,) = Linear(balanced=True).path(z, truth, (0.2,))  # two columns of half the weight are penalised half
    np.testing.assert_allclose(weighted["layer_weights"], 0.5, atol=1e-6)
    np.testing.assert_allclose(scores(np.hstack([z, z]), weighted), scores(z, linear), atol=2e-2)


def test_one_weighted_layer_is_the_linear_probe(X):
    one = X.only(["ssl"])
    only = Arrays({"layer_03": one.arrays("ssl", "layer_03")}, keys=KEYS, extractor="ssl", params={"pool": "mean_std"})
    view = View(KEYS, {"ssl": [only]}, {"speaker": SPEAKERS})
    weighted, linear = (Probe(layers=layers, c=(0.01, 0.1)).fit(view, LABELS) for layers in ("weighted", "all"))
    assert weighted.c_ == linear.c_
    np.testing.assert_allclose(weighted.predict_proba(view), linear.predict_proba(view), atol=2e-3)


def test_a_weighted_sum_is_of_the_layers_and_leaves_the_rest():
    z = np.arange(2.0 * 8).reshape(2, 8)  # three layers of 2, and 2 columns beside them
    found = mixed(z, np.array([0.5, 0.25, 0.25]), 4)
    np.testing.assert_allclose(found[0], [0.5 * 0 + 0.25 * 2 + 0.25 * 4, 0.5 * 1 + 0.25 * 3 + 0.25 * 5, 6, 7])


@pytest.mark.parametrize("kind", ["labels", "shares"])
def test_the_slope_of_the_weighted_loss_is_torchs(kind):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    z, codes, head = rng.standard_normal((20, 3 * 5 + 2)), rng.integers(0, 4, 20), Weighted(3, 5, balanced=True)
    codes[:4] = range(4)
    truth = of_labels(codes, 4) if kind == "labels" else rng.dirichlet(np.ones(4), 20)
    of_class = class_weights(truth, balanced=True)
    at, (shares, weights) = rng.standard_normal(3 + 4 * 7 + 4), tilted(truth, of_class)
    value, slope = head.loss(at, z, shares, weights, 0.3)

    x, data = torch.tensor(at, requires_grad=True), torch.tensor(z)
    layers, weight, bias = x[:3].softmax(0), x[3:-4].reshape(4, 7), x[-4:]
    sums = torch.cat([(data[:, :15].reshape(20, 3, 5) * layers[:, None]).sum(1), data[:, 15:]], 1)
    likely = (sums @ weight.T + bias).log_softmax(1)
    entropy = -(torch.tensor(truth * of_class) * likely).sum() / weights.sum()
    effective = torch.cat([share * weight[:, :5] for share in layers] + [weight[:, 5:]], 1)  # of all columns of z
    loss = entropy + effective.square().sum() / (2 * 0.3 * weights.sum())
    loss.backward()
    assert value == pytest.approx(loss.item())
    np.testing.assert_allclose(slope, x.grad.numpy(), atol=1e-12)


def test_the_hidden_layer_is_scikit_learns(X):
    part = X.only(["ssl"])
    model = Probe(layers=3, classifier="mlp", hidden=6, c=(0.1,), balanced=False, seed=3).fit(part, LABELS)
    scaled = StandardScaler().fit_transform(vectors(part)[:, WIDTH : 2 * WIDTH])
    options = {"solver": "lbfgs", "alpha": 10, "max_iter": 1000, "max_fun": 2000, "random_state": 3}
    wanted = MLPClassifier((6,), **options).fit(scaled, LABELS)
    np.testing.assert_allclose(model.predict_proba(part), wanted.predict_proba(scaled), atol=1e-6)


def test_a_hidden_layer_on_more_columns_than_utterances(X):
    part = X[np.arange(24)]
    model = Probe(classifier="mlp", hidden=6, c=(0.1,)).fit(part, LABELS[:24])
    assert model.numbers_["hidden_weight"].shape == (6, 3 * WIDTH + 5)
    assert model.score(part, LABELS[:24]) > 0.9


@pytest.mark.parametrize("params", HEADS, ids=["weighted", "mlp", "lda"])
@pytest.mark.parametrize("labels", [LABELS, np.where(LABELS == "sad", "sad", "angry")], ids=["three", "two"])
def test_it_is_the_same_loaded_and_fitted_again(X, tmp_path, params, labels):
    model = Probe(**params, c=(0.01, 0.1)).fit(X, labels)
    check_saved(model, X, tmp_path)
    np.testing.assert_array_equal(
        Probe(**params, c=(0.01, 0.1)).fit(X, labels).predict_proba(X), model.predict_proba(X)
    )


def test_a_hidden_layer_can_be_tried_on_each_layer(X):
    model = Probe(layers="each", classifier="mlp", hidden=6, c=(0.1,)).fit(X, LABELS)
    assert model.layers_ == (3,)
    assert [*model.variants(X)] == ["0", "3", "12"]


def test_scores_of_a_linear_layer():
    assert scores(np.ones((1, 2)), {"weight": np.ones((3, 2)), "bias": np.arange(3.0)}).tolist() == [[2, 3, 4]]


def test_mistakes(X):
    with pytest.raises(ParamsError, match="mlp does not go with layers weighted"):
        Probe(layers="weighted", classifier="mlp").fit(X, LABELS)
    with pytest.raises(ParamsError, match="lda does not go with layers weighted"):
        Probe(layers="weighted", classifier="lda").fit(X, LABELS)
    with pytest.raises(DataError, match="layers: weighted needs hidden states"):
        Probe(layers="weighted").fit(X.only(["prosody"]), LABELS)
