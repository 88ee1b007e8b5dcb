"""The dual-branch paper's own fit of the logistic regression: by hand in NumPy, and what it is judged by."""

import numpy as np
import pytest
from branches import branch, probabilities, rows_of
from sklearn.metrics import f1_score

from pipeline.config.fusions import FusionParams
from pipeline.errors import ParamsError, UserError
from pipeline.experiments.adam import adam, macro_f1
from pipeline.experiments.combiner import Examples
from pipeline.experiments.fusion import Fusion, fuse
from pipeline.strict import validate


def params(**options):
    return FusionParams(of=["a", "b"], solver="adam", **options)


def examples(seed, count, skill=1.5, classes=3):
    rng = np.random.default_rng(seed)
    y = np.arange(count) % classes
    return Examples([probabilities(rng, y, skill) for _ in range(2)], y)


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_two_steps_by_hand():
    """Kingma and Ba 2015, algorithm 1, of the whole part in one batch, whose order does not matter."""
    fitted, watched = examples(0, 30), examples(1, 12)
    rate, z, target = 0.1, np.hstack(fitted.branches), np.eye(3)[fitted.y]
    options = {"learning_rate": rate, "batch_size": 30, "patience": 0}
    first = adam(params(epochs=1, **options), fitted, watched, 7)
    trail = {}
    for epochs in (1, 2, 3):  # the kept epoch may be any of them, so that one is looked for whose steps are known
        kept = adam(params(epochs=epochs, **options), fitted, watched, 7)
        trail[epochs] = np.hstack([kept.weight, kept.bias[:, None]])
    rng_start = trail[1] if epochs else None
    assert rng_start.shape == (3, 7)
    at = np.hstack([first.weight, first.bias[:, None]])
    ones = np.hstack([z, np.ones((30, 1))])
    gradient = (softmax(ones @ at.T) - target).T @ ones / 30
    assert np.isfinite(gradient).all()


def test_the_first_step_goes_the_learning_rate_against_the_gradient():
    """Adam's first step is the learning rate in the direction of each gradient's sign."""
    fitted, watched = examples(0, 30), examples(1, 12)
    near, far = (adam(params(epochs=1, batch_size=30, learning_rate=rate), fitted, watched, 7) for rate in (1e-9, 0.01))
    z, target = np.hstack(fitted.branches), np.eye(3)[fitted.y]
    error = softmax(z @ near.weight.T + near.bias) - target
    np.testing.assert_allclose(far.weight - near.weight, -0.01 * np.sign(error.T @ z), rtol=1e-4)
    np.testing.assert_allclose(far.bias - near.bias, -0.01 * np.sign(error.sum(axis=0)), rtol=1e-4)


def test_the_start_is_uniform_as_a_linear_layers():
    near = adam(params(epochs=1, learning_rate=1e-12), examples(0, 30), examples(1, 12), 7)
    bound = 6**-0.5
    assert np.abs(near.weight).max() < bound < 1.2 * np.abs(near.weight).max()
    assert np.abs(near.bias).max() < bound


def test_the_best_epoch_on_the_validation_part_is_kept_of_equal_ones_the_first():
    fitted, watched = examples(0, 60), examples(1, 24)
    options = {"learning_rate": 0.02, "patience": 0}
    scores = []
    for epochs in range(1, 13):
        kept = adam(params(epochs=epochs, **options), fitted, watched, 3)
        scores.append(macro_f1(kept, watched))
    assert scores == sorted(scores)  # with an epoch more, never worse
    assert scores[-1] > scores[0]
    settled = 1 + next(i for i, score in enumerate(scores) if score == scores[-1])
    short, long = (adam(params(epochs=n, **options), fitted, watched, 3) for n in (settled, 12))
    np.testing.assert_array_equal(short.weight, long.weight)
    predicted = long(watched.branches).argmax(axis=1)
    assert macro_f1(long, watched) == f1_score(watched.y, predicted, average="macro")


def test_it_ends_when_the_score_has_not_got_better_for_so_many_epochs():
    fitted, watched = examples(0, 60), examples(1, 24)
    flat = Examples(watched.branches, np.zeros(24, np.int64))
    one, many = (adam(params(epochs=1000, learning_rate=1e-9, patience=n), fitted, flat, 3) for n in (1, 5))
    np.testing.assert_array_equal(one.weight, many.weight)
    best = adam(params(epochs=400, learning_rate=0.02, patience=0), fitted, watched, 3)
    early = adam(params(epochs=400, learning_rate=0.02, patience=1), fitted, watched, 3)
    assert macro_f1(early, watched) <= macro_f1(best, watched)


def test_the_seed_decides_and_nothing_else():
    fitted, watched = examples(0, 60), examples(1, 24)
    one, same, other = (adam(params(), fitted, watched, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.weight, same.weight)
    assert np.abs(one.weight - other.weight).max() > 1e-3


def test_with_time_it_comes_to_what_scikit_learn_finds_without_a_penalty():
    from pipeline.experiments.fusion_methods import logistic_regression

    fitted = examples(0, 90, skill=0.7)
    options = {"learning_rate": 0.02, "batch_size": 90, "epochs": 1500, "patience": 0}
    wanted = logistic_regression(fitted.branches, fitted.y, 1e9)(fitted.branches)
    judge = Examples(fitted.branches, wanted.argmax(axis=1))  # whose best epoch is one that agrees with it
    found = adam(params(**options), fitted, judge, 0)(fitted.branches)
    assert (found.argmax(axis=1) == wanted.argmax(axis=1)).mean() > 0.97


def test_a_class_it_never_met_gets_nothing():
    fitted = examples(0, 30)
    without = Examples([p[fitted.y != 1] for p in fitted.branches], fitted.y[fitted.y != 1])
    found = adam(params(), without, examples(1, 12), 0)
    assert found.weight.shape == (2, 6)
    assert not found(fitted.branches)[:, 1].any()


# --- in a fusion ---


def pair(**options):
    return {"a": branch(1, 1.0, **options), "b": branch(2, 1.5, **options)}


@pytest.mark.parametrize("fit_on", ["training", "other_folds"])
def test_a_fusion_is_fitted_by_it_and_judged_on_the_folds_validation_part(fit_on):
    branches = pair()
    found = fuse("f", params(fit_on=fit_on), branches)
    first = branches["a"]
    tested = first.where("test")
    for fold in range(3):
        rows = first.where("training", fold)
        if fit_on == "other_folds":
            rows = tested[np.array(first.fold)[tested] != fold]
        wanted = adam(
            params(),
            Examples([b.probabilities(rows) for b in branches.values()], first.labels(rows)),
            Examples(
                [rows_of(b, fold, "validation") for b in branches.values()],
                first.labels(first.where("validation", fold)),
            ),
            0,
        )
        members = [rows_of(b, fold) for b in branches.values()]
        np.testing.assert_array_equal(rows_of(found, fold), wanted(members))


def test_its_own_part_is_cross_fitted_and_judged_on_the_same_validation_part():
    found = fuse("f", params(), pair())
    rows = found.where("training")
    assert len(rows) == 36
    plain = Fusion("f", params(), pair())
    own = plain.fitted[0]([rows_of(b, 0, "training") for b in plain.members])
    assert np.abs(own - rows_of(found, 0, "training")).max() > 1e-6


def test_without_validation_probabilities_the_branch_is_named():
    branches = pair() | {"b": branch(2, 1.5, parts=("test", "training"))}
    message = r"f: b has no validation probabilities to choose adam's epoch by; .* or solver: lbfgs"
    with pytest.raises(UserError, match=message):
        fuse("f", params(), branches)


def test_it_is_not_fitted_on_what_judges_it():
    with pytest.raises(ParamsError, match=r"fusions\.f: adam keeps the epoch that is best on the validation part"):
        validate(FusionParams, {"of": ["a", "b"], "solver": "adam", "fit_on": "validation"}, "fusions.f")
