"""Many fits to a large table at once are scikit-learn's, one by one."""

import tracemalloc

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pipeline.storage.source import Arrays
from pipeline.systems import logistic_sweep as sweep
from pipeline.systems.logistic import logistic_path, softmax, standard
from pipeline.systems.pooled import Pooled
from pipeline.systems.probe import Probe
from pipeline.systems.probe_heads import Linear
from pipeline.systems.soft_labels import of_labels
from pipeline.systems.view import View

STRENGTHS = (0.001, 0.1)


def table(classes, dims=40, rows=600, seed=0):
    """Vectors (rows, dims) of some classes, in no common unit, and a column that never varies."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, classes, rows) * rng.integers(0, 2, rows)  # the first class is the most frequent
    x = rng.standard_normal((rows, dims)) @ rng.standard_normal((dims, dims))
    x += rng.standard_normal((classes, dims))[codes] * 3
    x[:, 0] = 7
    return 50 + x * np.geomspace(0.01, 100, dims), codes


def apart(x, codes, parts, balanced=True, **options):
    """The largest difference of a probability from scikit-learn's, solved to the end, over all parts and strengths."""
    worst, found = 0, sweep.logistic_sweep(x, of_labels(codes, codes.max() + 1), parts, STRENGTHS, balanced, **options)
    for part, own in zip(parts, found, strict=True):
        mean, scale = standard(x[part])
        np.testing.assert_allclose((own.mean, own.scale), (mean, scale), rtol=1e-9, atol=1e-12)
        z = (x - mean) / scale
        for strength, (weight, bias) in zip(STRENGTHS, own.fits, strict=True):
            model = LogisticRegression(
                C=strength, class_weight="balanced" if balanced else None, solver="newton-cg", tol=1e-10, max_iter=1000
            )
            theirs = model.fit(z[part], codes[part]).predict_proba(z)
            worst = max(worst, np.abs(softmax(z @ weight.T + bias) - theirs).max())
    return worst


@pytest.mark.parametrize(("classes", "balanced"), [(4, True), (3, False), (2, True), (2, False)])
def test_probabilities_are_those_of_scikit_learn_solved_to_the_end(classes, balanced):
    x, codes = table(classes)
    assert apart(x, codes, [np.arange(500), np.arange(100, 600)], balanced) < 1e-5


@pytest.mark.parametrize(("classes", "balanced"), [(4, True), (3, False), (2, True)])
def test_probabilities_of_shares_are_those_of_weighted_duplicates(classes, balanced):
    x, codes = table(classes)
    truth = 0.7 * of_labels(codes, classes) + 0.3 * np.random.default_rng(1).dirichlet(np.ones(classes), 600)
    parts = [np.arange(500), np.arange(100, 600)]
    for part, own in zip(parts, sweep.logistic_sweep(x, truth, parts, STRENGTHS, balanced), strict=True):
        z, shares = (x - own.mean) / own.scale, truth[part]
        of_class = len(part) / (classes * shares.sum(axis=0)) if balanced else np.ones(classes)
        each, weights = np.tile(np.arange(classes), len(part)), (shares * of_class).ravel()
        for strength, (weight, bias) in zip(STRENGTHS, own.fits, strict=True):
            model = LogisticRegression(C=strength, solver="newton-cg", tol=1e-10, max_iter=1000)
            model.fit(np.repeat(z[part], classes, axis=0), each, sample_weight=weights)
            np.testing.assert_allclose(softmax(z @ weight.T + bias), model.predict_proba(z), atol=1e-5)


def constant_in_a_part(x):
    x[:, 5] = np.where(np.arange(600) < 500, 0, 1000 + np.arange(600))


def narrow_in_a_part(x):
    x[:, 5] = np.where(np.arange(600) < 500, 1e-4 * x[:, 5], 1000)


def nearly_collinear(x):
    x[:, 20:] = x[:, :20] + 1e-6 * np.random.default_rng(1).standard_normal((600, 20))


def far_from_zero(x):
    x[:, 20:] += 1e8


def with_outliers(x):
    x[:, 20:] *= np.random.default_rng(1).standard_cauchy((600, 20))


@pytest.mark.parametrize(
    "change", [constant_in_a_part, narrow_in_a_part, nearly_collinear, far_from_zero, with_outliers]
)
def test_columns_may_be_what_they_are(change, recwarn):
    x, codes = table(3)
    change(x)
    assert apart(x, codes, [np.arange(500), np.arange(100, 600)]) < 1e-4
    assert not len(recwarn)


def test_a_stall_of_single_precision_costs_its_patience_and_no_digits(monkeypatch, recwarn):
    x, codes = table(3)
    steps, curvature = [], sweep.Descent.curvature
    monkeypatch.setattr(
        sweep.Descent, "curvature", lambda own, *values: steps.append(own.rows.dtype) or curvature(own, *values)
    )
    assert apart(x, codes, [np.arange(500)], tolerance=1e-12) < 1e-7
    assert steps.count(np.float64)
    assert len(steps) < 10 * sweep.PATIENCE
    assert not len(recwarn)


def test_classes_that_lie_apart_end_with_hardly_a_penalty(monkeypatch, recwarn):
    monkeypatch.setattr(sweep, "STEPS", 300)
    x, codes = table(4, dims=200)
    sweep.logistic_sweep(x, of_labels(codes, 4), [np.arange(600)], (1e6,), True)
    assert not len(recwarn)


def test_fits_are_the_same_every_time_and_with_others_beside_them():
    x, codes = table(3)
    part, truth = np.arange(600), of_labels(codes, 3)
    one, other = (sweep.logistic_sweep(x, truth, [part], (0.01,), True)[0].fits[0][0] for _ in range(2))
    np.testing.assert_array_equal(one, other)
    beside = sweep.logistic_sweep(x, truth, [part[:500], part], (0.001, 0.01), True)[1].fits[1][0]
    np.testing.assert_allclose(beside, one, atol=1e-4 * np.abs(one).max())


def test_a_fit_that_does_not_end_is_warned_of(monkeypatch):
    monkeypatch.setattr(sweep, "STEPS", 2)
    x, codes = table(3)
    monkeypatch.setattr(sweep, "FAR", np.inf)
    with pytest.warns(UserWarning, match="2 of 2 fits end near the optimum"):
        sweep.logistic_sweep(x, of_labels(codes, 3), [np.arange(600)], STRENGTHS, True)


@pytest.mark.parametrize("size", [(600, 40, True), (600, 700, False), (20, 10, False)])
def test_large_is_what_has_many_values_and_more_rows_than_columns(monkeypatch, size):
    monkeypatch.setattr(sweep, "LARGE", 1 << 14)
    rows, dims, large = size
    assert sweep.is_large(np.zeros((rows, dims))) == large


@pytest.mark.parametrize("system", [Probe(c=(0.001, 0.01, 0.1), layers="each"), Pooled(c=0.01)])
def test_a_system_of_a_large_table_is_that_of_a_small_one(monkeypatch, system):
    x, codes = table(3)
    keys, names = [f"u{i:03d}" for i in range(600)], np.array(["angry", "happy", "sad"])[codes]
    layers = {
        f"layer_{number:02d}": [row[None].astype(np.float32) for row in part] for number, part in ((1, x), (2, -x))
    }
    ssl = Arrays(layers, keys=keys, extractor="ssl", params={"pool": "mean_std"})
    X = View(keys, {"ssl": [ssl]}, {"speaker": {key: f"s{i % 7}" for i, key in enumerate(keys)}})
    small = system.fit(X, names).predict_proba(X)
    monkeypatch.setattr(sweep, "LARGE", 1)
    assert sweep.is_large(x)
    np.testing.assert_allclose(system.fit(X, names).predict_proba(X), small, atol=2e-3)  # scikit-learn's own tolerance


@pytest.mark.parametrize("still", [1.7, 1.7 + np.random.default_rng(1).standard_normal(600) * 1e-7])
def test_a_column_that_hardly_varies_in_a_part_is_as_scikit_learn_has_it(still):
    x, codes = table(3)
    x[:, 5] = np.where(np.arange(600) % 3 == 0, x[:, 6] + 1000, still)
    parts = [np.arange(600)[np.arange(600) % 3 != left_out] for left_out in range(3)]
    truth = of_labels(codes, 3)
    found = sweep.logistic_sweep(x, truth, parts, STRENGTHS, True)
    for part, own_part in zip(parts, found, strict=True):
        mean, scale = standard(x[part])
        z = (x[part] - mean) / scale
        for (weight, bias), (theirs, own) in zip(
            own_part.fits, logistic_path(z, truth[part], STRENGTHS, True), strict=True
        ):
            likely = softmax(z @ weight.T + bias)
            np.testing.assert_allclose(likely, softmax(z @ theirs.T + own), atol=2e-3)


@pytest.mark.filterwarnings("ignore:.* fits end near:UserWarning")
@pytest.mark.parametrize("strength", [1e6, 1e8, 1e12])
def test_strengths_that_single_precision_cannot_solve_are_fitted_all_the_same(strength):
    rng = np.random.default_rng(2)
    codes = np.repeat(np.arange(6), [200, 100, 50, 30, 15, 5])
    x = rng.standard_normal((400, 60)) + 2 * np.eye(6, 60)[codes]
    mean, scale = standard(x)
    (found,) = sweep.logistic_sweep(x, of_labels(codes, 6), [np.arange(400)], (1.0, strength), False)
    for (weight, bias), least in zip(found.fits, (0.95, 1), strict=True):
        assert np.mean(((x - mean) / scale @ weight.T + bias).argmax(axis=1) == codes) >= least


def most_tables(task, table):
    """The memory that a task takes at most, in tables."""
    tracemalloc.start()
    try:
        task()
        return tracemalloc.get_traced_memory()[1] / table.nbytes
    finally:
        tracemalloc.stop()


def test_a_sweep_in_double_precision_takes_two_tables_and_a_half(monkeypatch):
    """Its rows, their squares along the axes, and what lies between."""
    monkeypatch.setattr(sweep, "NARROW", np.inf)
    x, codes = table(4, 200, 5000)
    parts, truth = [np.arange(len(x))], of_labels(codes, 4)
    assert most_tables(lambda: sweep.logistic_sweep(x, truth, parts, STRENGTHS, True), x) < 2.8


def test_a_large_probe_takes_its_vectors_a_table_and_what_is_fitted_to(monkeypatch):
    """The vectors that are known, the table, its standardised rows; and what a sweep takes."""
    monkeypatch.setattr(sweep, "LARGE", 1)
    vectors, codes = table(4, 200, 5000)
    keys = [f"{i:04d}" for i in range(len(codes))]
    X = View(keys, {"mfcc": [Arrays({"values": vectors[:, None]}, keys)]})
    probe = Probe(c=STRENGTHS, folds=2)
    probe.fit(X[:100], codes[:100].astype(str))  # imports what it needs
    assert most_tables(lambda: probe.fit(X, codes.astype(str)), vectors) < 5.7


def test_what_is_fitted_to_inner_folds_leaves_the_table_as_it_was():
    x, codes = table(4)
    before = x.copy()
    Linear(balanced=True).held_out(x, of_labels(codes, 4), [(np.arange(500), np.arange(500, 600))], STRENGTHS)
    np.testing.assert_array_equal(x, before)
