"""A probe of raters' shares: scikit-learn's with weights, the same as labels where raters agree, all its variants."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from pipeline.storage.source import Arrays
from pipeline.systems import logistic_sweep as sweep
from pipeline.systems.functionals import vectors
from pipeline.systems.inner_folds import inner_folds
from pipeline.systems.probe import Probe
from pipeline.systems.soft_labels import SoftLabels
from pipeline.systems.view import View

pytestmark = pytest.mark.usefixtures("one_thread")

COUNT, WIDTH = 72, 8
KEYS = [f"u{i:02d}" for i in range(COUNT)]
CLASSES = ["angry", "happy", "sad"]
CODES = np.arange(COUNT) % 3
LABELS = np.array(CLASSES)[CODES]
SPEAKERS = {key: f"s{i // 12}" for i, key in enumerate(KEYS)}
CORPORA = {key: "ab"[i // 36] for i, key in enumerate(KEYS)}
GRID = (0.003, 0.03, 0.3)
VARIANTS = [
    {"layers": "all"},
    {"layers": 3, "balanced": False},
    {"layers": (0, 12)},
    {"layers": "each"},
    {"layers": "stacked"},
    {"layers": "weighted", "balanced": False},
    {"layers": "each", "classifier": "lda", "balanced": False},
    {"layers": "stacked", "classifier": "lda"},
    {"layers": "all", "classifier": "mlp", "hidden": 5},
    {"layers": "each", "classifier": "mlp", "hidden": 2},
    {"layers": "all", "self_training": (0.5, 1.0)},
    {"layers": "stacked", "classifier": "lda", "self_training": (0.5, 1.0)},
]
EVERY = pytest.mark.parametrize(
    "params", VARIANTS, ids=lambda params: " ".join(str(value) for value in params.values())
)


def rows(truth, signal, seed, width=WIDTH):
    rng = np.random.default_rng(seed)
    centres = truth @ rng.standard_normal((3, width))
    return [(signal * centre + rng.standard_normal(width))[None].astype(np.float32) for centre in centres]


def raters():
    """Shares of four raters, who mostly agree; the third class is chosen more rarely than the others."""
    rng = np.random.default_rng(4)
    likely = np.array([[0.7, 0.25, 0.05], [0.3, 0.65, 0.05], [0.2, 0.3, 0.5]])
    votes = np.stack([rng.multinomial(4, likely[code]) for code in CODES])
    return votes / 4


SHARES = raters()
SOFT = SoftLabels(CLASSES, SHARES, LABELS)


@pytest.fixture(scope="module")
def X():
    layers = {f"layer_{number:02d}": rows(SHARES, signal, number) for number, signal in ((0, 0.2), (3, 2.5), (12, 1.5))}
    ssl = Arrays(layers, keys=KEYS, extractor="ssl", params={"pool": "mean_std"})
    prosody = Arrays({"values": rows(SHARES, 0.5, 7, width=5)}, keys=KEYS, extractor="prosody")
    return View(KEYS, {"prosody": [prosody], "ssl": [ssl]}, {"speaker": SPEAKERS, "corpus": CORPORA})


def part(X, chosen, soft=True):
    """Some of the utterances, and their shares or labels."""
    own = SoftLabels(CLASSES, SHARES[chosen], LABELS[chosen]) if soft else LABELS[chosen]
    return X[chosen], own


def repeated(shares, balanced):
    """Rows, classes and weights of an utterance a class that it has a share of, by hand."""
    found = [(i, code) for i in range(len(shares)) for code in range(3) if shares[i, code] > 0]
    row, code = (np.array(each) for each in zip(*found, strict=True))
    of_class = len(shares) / (3 * shares.sum(axis=0)) if balanced else np.ones(3)
    return row, code, shares[row, code] * of_class[code]


@EVERY
def test_raters_who_agree_are_labels(X, params):
    chosen = np.arange(60)
    agreed = SoftLabels(CLASSES, np.eye(3)[CODES[chosen]], LABELS[chosen])
    hard, soft = (Probe(**params, c=GRID[1:]).fit(X[chosen], y) for y in (LABELS[chosen], agreed))
    np.testing.assert_allclose(soft.predict_proba(X), hard.predict_proba(X), atol=1e-9)
    assert (soft.c_, soft.layers_, soft.choices()) == (hard.c_, hard.layers_, hard.choices())


def test_raters_who_agree_are_labels_in_a_large_table(X, monkeypatch):
    monkeypatch.setattr(sweep, "LARGE", 1)
    agreed = SoftLabels(CLASSES, np.eye(3)[CODES], LABELS)
    hard, soft = (Probe(layers="each", c=GRID).fit(X, y) for y in (LABELS, agreed))
    np.testing.assert_array_equal(soft.predict_proba(X), hard.predict_proba(X))


@pytest.mark.parametrize("columns", ["fewer columns", "more columns"])
@pytest.mark.parametrize("balanced", [True, False])
def test_logistic_regression_is_scikit_learns_with_weights(X, columns, balanced):
    chosen = np.arange(COUNT if columns == "fewer columns" else 20)
    view, own = part(X, chosen)
    probe = Probe(c=(0.05,), balanced=balanced).fit(view, own)
    z = StandardScaler().fit_transform(vectors(view))
    row, code, weights = repeated(SHARES[chosen], balanced)
    model = LogisticRegression(C=0.05, max_iter=10_000, tol=1e-8).fit(z[row], code, sample_weight=weights)
    np.testing.assert_allclose(probe.predict_proba(view), model.predict_proba(z), atol=1e-3)


@pytest.mark.parametrize("balanced", [True, False])
def test_the_hidden_layer_is_scikit_learns_with_weights(X, balanced):
    view = X.only(["ssl"])
    probe = Probe(layers=3, classifier="mlp", hidden=5, c=(0.1,), balanced=balanced, seed=2).fit(view, SOFT)
    z = StandardScaler().fit_transform(vectors(view)[:, WIDTH : 2 * WIDTH])
    row, code, weights = repeated(SHARES, balanced)
    options = {"solver": "lbfgs", "alpha": 10, "max_iter": 1000, "max_fun": 2000, "random_state": 2}
    model = MLPClassifier((5,), **options).fit(z[row], code, sample_weight=weights)
    np.testing.assert_allclose(probe.predict_proba(view), model.predict_proba(z), atol=1e-6)


def test_the_strength_has_the_highest_recall_by_shares_in_folds_by_the_largest_one(X):
    grid = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    probe = Probe(layers=12, c=grid).fit(X.only(["ssl"]), SOFT)
    table, most = vectors(X.only(["ssl"]))[:, 2 * WIDTH :], SHARES.argmax(axis=1)
    scores = np.zeros(len(grid))
    for fitted, left_out in StratifiedGroupKFold(5).split(most, most, [SPEAKERS[key] for key in KEYS]):
        scaler = StandardScaler().fit(table[fitted])
        row, code, weights = repeated(SHARES[fitted], balanced=True)
        for number, strength in enumerate(grid):
            model = LogisticRegression(C=strength, max_iter=10_000, tol=1e-6)
            model.fit(scaler.transform(table[fitted])[row], code, sample_weight=weights)
            taken = model.predict_proba(scaler.transform(table[left_out])).argmax(axis=1)
            own = SHARES[left_out]
            recalls = [own[taken == each, each].sum() / own[:, each].sum() for each in range(3)]
            scores[number] += np.mean(recalls)
    assert probe.c_ == grid[scores.argmax()]


@EVERY
def test_disagreement_is_learnt(X, params):
    """Of new speakers, too, probabilities are nearer to the shares than those of who was told the majority."""
    most = np.array(CLASSES)[SHARES.argmax(axis=1)]
    losses = []
    for own in (SoftLabels(CLASSES, SHARES[:48], most[:48]), most[:48]):
        likely = (
            Probe(**params | {"balanced": False}, c=(0.03, 0.3))
            .fit(X[range(48)], own)
            .predict_proba(X[range(48, COUNT)])
        )
        losses.append(-(SHARES[48:] * np.log(np.maximum(likely, 1e-9))).sum(axis=1).mean())
    assert losses[0] < losses[1]


@pytest.mark.parametrize("layers", ["all", "each"])
def test_a_large_table_gives_what_a_small_one_does(X, layers, monkeypatch):
    small = Probe(layers=layers, c=GRID).fit(X, SOFT)
    monkeypatch.setattr(sweep, "LARGE", 1)
    large = Probe(layers=layers, c=GRID).fit(X, SOFT)
    assert (large.c_, large.layers_) == (small.c_, small.layers_)
    np.testing.assert_allclose(large.predict_proba(X), small.predict_proba(X), atol=2e-3)


def test_two_classes_and_one_that_nobody_chose(X):
    pair = np.column_stack([SHARES[:, 0], np.zeros(COUNT), SHARES[:, 1] + SHARES[:, 2]])
    probe = Probe(layers=3, c=GRID).fit(X, SoftLabels(CLASSES, pair, LABELS))
    assert probe.classes_.tolist() == ["angry", "sad"]
    assert np.corrcoef(probe.predict_proba(X)[:, 0], pair[:, 0])[0, 1] > 0.7


def test_a_class_that_is_nobodys_first_choice_leaves_folds_to_choose_in(X):
    shares = np.where(CODES[:, None] == 2, [0.5, 0.3, 0.2], SHARES * [1, 1, 0])
    shares /= shares.sum(axis=1, keepdims=True)
    most = shares.argmax(axis=1)
    assert set(most) == {0, 1}
    assert len(inner_folds(most, X, 5, 0)) == 5
    probe = Probe(layers="each", c=GRID).fit(X, SoftLabels(CLASSES, shares, LABELS))
    assert probe.predict_proba(X).shape == (COUNT, 3)
    assert probe.layers_ == (3,)
