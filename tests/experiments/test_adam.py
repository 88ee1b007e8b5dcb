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


def by_hand(fitted, rate, steps):
    """Kingma and Ba 2015, algorithm 1, from zero, of the whole part in one batch: weights and biases (C, 1 + N C)."""
    z, target = np.hstack(fitted.branches), np.eye(3)[fitted.y]
    ones = np.hstack([z, np.ones((len(z), 1))])
    at, mean, square = np.zeros((3, 7)), np.zeros((3, 7)), np.zeros((3, 7))
    for step in range(1, steps + 1):
        gradient = (softmax(ones @ at.T) - target).T @ ones / len(z)
        gradient /= max(1.0, np.linalg.norm(gradient))
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        at = at - rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return at


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_steps_by_hand(steps, monkeypatch):
    monkeypatch.setattr("pipeline.experiments.adam.macro_f1", lambda kept, _: np.abs(kept.weight).max())  # the last
    fitted = examples(0, 30)
    kept = adam(params(epochs=steps, learning_rate=0.1, batch_size=30), fitted, examples(1, 12), 7)
    found = np.hstack([kept.weight, kept.bias[:, None]])
    np.testing.assert_allclose(found, by_hand(fitted, 0.1, steps), rtol=1e-6, atol=1e-9)


def test_the_papers_settings_are_better_than_the_branches_by_themselves():
    """Of a corpus of the paper's size, 1152 utterances in 36 batches an epoch."""
    fitted, watched, new = examples(0, 1152), examples(1, 144), examples(2, 3000)
    fused = macro_f1(adam(params(), fitted, watched, 0), new)
    alone = [f1_score(new.y, each.argmax(axis=1), average="macro") for each in new.branches]
    assert fused > max(alone)


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
    assert np.abs(one.weight - other.weight).max() > 1e-4


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
