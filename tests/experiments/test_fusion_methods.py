"""The methods of fusion, by hand: of two branches as Wei et al. have them, and of more."""

from typing import get_args

import numpy as np
import pytest
from branches import probabilities

from pipeline.config.fusions import FusionParams
from pipeline.experiments.fusion_fitting import METHODS
from pipeline.experiments.fusion_gate import Gate, fit_gate
from pipeline.experiments.fusion_methods import gated, logistic_regression, simplex, weighted_average


def one_hot(labels):
    return np.eye(3)[labels]


def test_logistic_regression_gives_nothing_to_a_class_it_never_met():
    rng = np.random.default_rng(0)
    y = np.array([0, 2] * 10)
    branches = [probabilities(rng, y, 2) for _ in range(3)]
    found = logistic_regression(branches, y, 1.0)(branches)
    assert found.shape == (20, 3)
    assert not found[:, 1].any()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.argmax(axis=1) == y).mean() > 0.8


def test_every_method_that_params_can_name_is_fitted_and_says_what_it_reads():
    assert [*METHODS] == [*get_args(FusionParams.model_fields["method"].annotation)]
    for method in METHODS:
        settings = {"classifier": "GaussianNB"} if method == "stacking" else {}
        assert FusionParams(of=["a", "b"], method=method, **settings).used()["method"] == method


# --- the weighted average ---


@pytest.mark.parametrize(
    ("first", "second", "weight"),
    [
        ([0, 1, 2, 0], [1, 2, 0, 1], 0.55),  # only the first is right: any weight over one half
        ([1, 2, 0, 1], [0, 1, 2, 0], 0.45),
        ([0, 1, 2, 0], [0, 1, 2, 0], 0.5),
    ],
)
def test_weighted_average_takes_the_weight_nearest_one_half_among_the_best(first, second, weight):
    y = np.array([0, 1, 2, 0])
    fused = weighted_average([one_hot(first), one_hot(second)], y)
    p, q = np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 1.0, 0.0]])
    np.testing.assert_allclose(fused([p, q]), [[weight, 1 - weight, 0]])


def test_weighted_average_takes_the_best_weight():
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, 60)
    first, second = probabilities(rng, y, 0.7), probabilities(rng, y, 1.2)
    fused = weighted_average([first, second], y)([first, second])
    every = [((w * first + (1 - w) * second).argmax(axis=1) == y).mean() for w in np.linspace(0, 1, 21)]
    assert (fused.argmax(axis=1) == y).mean() == max(every) > max(every[0], every[-1])


def test_of_two_branches_every_tie_is_decided_as_by_the_distance_of_one_weight_from_one_half():
    """|w - 1/2| of floating-point numbers: which of w and 1 - w is nearer must not change, or scores would."""
    weights = np.linspace(0, 1, 21)
    grid = simplex(2)
    np.testing.assert_array_equal(grid[:-1], np.stack([weights, 1 - weights], axis=1))
    np.testing.assert_array_equal(grid[-1], [0.5, 0.5])
    distance = np.square(grid - 1 / 2).sum(axis=1)
    for i in range(21):
        for j in range(i):
            one = max((-abs(weights[k] - 0.5), weights[k]) for k in (i, j))[1]
            assert max((-distance[k], weights[k]) for k in (i, j))[1] == one


@pytest.mark.parametrize(
    ("branches", "points", "step"), [(2, 21, 20), (3, 231, 20), (4, 1771, 20), (5, 1820, 12), (6, 1287, 8), (90, 90, 1)]
)
def test_the_grid_of_weights_covers_the_simplex_in_equal_steps(branches, points, step):
    grid = simplex(branches)
    assert grid.shape == (points + 1, branches)
    np.testing.assert_allclose(grid.sum(axis=1), 1)
    assert grid.min() >= 0
    np.testing.assert_allclose(grid[:-1] * step, np.rint(grid[:-1] * step), atol=1e-12)
    assert len({tuple(row) for row in np.rint(grid[:-1] * step)}) == points
    np.testing.assert_allclose(grid[-1], 1 / branches)


def test_of_three_equal_branches_none_counts_for_more_and_the_one_that_knows_gets_the_most():
    y = np.array([0, 1, 2, 0])
    right, wrong = one_hot(y), one_hot((y + 1) % 3)
    unit = [np.eye(3)[[i]] for i in range(3)]
    np.testing.assert_allclose(weighted_average([right] * 3, y)(unit), [[1 / 3] * 3])
    found = weighted_average([wrong, right, wrong], y)(unit)[0]
    assert 0.49 < found[1] < 0.56  # no more than it takes
    np.testing.assert_allclose(found.sum(), 1)


# --- the gate ---


@pytest.mark.parametrize("branches", [2, 3, 5])
@pytest.mark.parametrize("units", [0, 3])
def test_the_gates_gradient_is_its_losss(units, branches):
    rng = np.random.default_rng(1)
    z, right = rng.standard_normal((9, 4)), rng.uniform(0.05, 1, (branches, 9))
    at = rng.standard_normal((branches - 1) * (1 + (units or 4)) + 5 * units)
    gradient = Gate(4, units, at, branches).loss(z, right, 0.3)[1]
    for i, slope in enumerate(gradient):
        step = np.zeros(len(at))
        step[i] = 1e-6
        up, down = (Gate(4, units, at + sign * step, branches).loss(z, right, 0.3)[0] for sign in (1, -1))
        assert slope == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-6)


def test_the_gates_loss_by_hand():
    parameters = np.array([0.3, 1.0, -2.0, 0.1, 0.5, -0.7])  # a, v, then b and U of the second one's single unit
    z, right = np.array([[0.2, -0.4]]), np.array([[0.9], [0.2]])
    weight = 1 / (1 + np.exp(-(0.3 + 0.2 * 1.0 + 0.4 * 2.0)))
    wanted = -np.log(weight * 0.9 + (1 - weight) * 0.2) + (1 + 4) / (2 * 0.5)
    assert Gate(2, 0, parameters[:3]).loss(z, right, 0.5)[0] == pytest.approx(wanted)
    parameters = np.array([0.3, 1.0, 0.1, 0.5, -0.7])
    weight = 1 / (1 + np.exp(-(0.3 + np.tanh(0.1 + 0.2 * 0.5 + 0.4 * 0.7))))
    wanted = -np.log(weight * 0.9 + (1 - weight) * 0.2) + (1 + 0.25 + 0.49) / (2 * 0.5)
    assert Gate(2, 1, parameters).loss(z, right, 0.5)[0] == pytest.approx(wanted)


def test_a_gate_of_three_by_hand():
    gate = Gate(1, 0, np.array([0.3, -0.2, 1.0, 2.0]), 3)
    scores = np.array([0.3 + 0.5 * 1.0, -0.2 + 0.5 * 2.0, 0])
    weights = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(gate.weigh(np.array([[0.5]]))[0][:, 0], weights)
    right = np.array([[0.9], [0.2], [0.4]])
    spread = 2 * sum((v - 1.0) ** 2 for v in (1.0, 2.0, 0.0))
    wanted = -np.log(weights @ right[:, 0]) + spread / (2 * 0.5)
    assert gate.loss(np.array([[0.5]]), right, 0.5)[0] == pytest.approx(wanted)


def test_the_gate_of_two_is_a_sigmoid_to_the_last_bit():
    rng = np.random.default_rng(5)
    z, at = 20 * rng.standard_normal((500, 4)), rng.standard_normal(5)
    weights = 1 / (1 + np.exp(-np.clip(at[0] + z @ at[1:], -500, 500)))
    np.testing.assert_array_equal(Gate(4, 0, at).weigh(z)[0], [weights, 1 - weights])


@pytest.mark.parametrize("units", [0, 4])
def test_which_branch_stands_last_does_not_matter(units):
    rng = np.random.default_rng(6)
    y = rng.integers(0, 3, 80)
    branches = [probabilities(rng, y, skill) for skill in (0.3, 1.0, 1.5)]
    if units:  # hidden units start at random and may end elsewhere: the fit is as good
        losses = [
            fit_gate(np.hstack(branches) - 1 / 3, right, 1.0, units).loss(np.hstack(branches) - 1 / 3, right, 1.0)[0]
            for order in ([0, 1, 2], [2, 0, 1])
            for right in [np.array([branches[i][np.arange(80), y] for i in order])]
        ]
        assert losses[0] == pytest.approx(losses[1], rel=0.01)
    else:
        turned = [branches[i] for i in (2, 0, 1)]
        found = [gated(each, y, 1.0)(each) for each in (branches, turned)]
        np.testing.assert_allclose(*found, atol=1e-4)


@pytest.mark.parametrize("units", [0, 4])
def test_the_gate_weighs_each_utterance_by_who_is_right_about_its_like(units):
    """The first branch knows sad and is wrong about the rest, the second knows the rest and is wrong about sad."""
    rng = np.random.default_rng(4)
    y = rng.integers(0, 3, 300)
    first, second = np.empty((300, 3)), np.empty((300, 3))
    for i, label in enumerate(y):
        wrong = (label + 1) % 2 if label < 2 else int(rng.integers(2))
        first[i] = np.where(np.arange(3) == (label if label == 2 else wrong), 0.9, 0.05)
        second[i] = np.where(np.arange(3) == (wrong if label == 2 else label), 0.6, 0.2)
    branches = [first, second]
    fused = gated(branches, y, 10.0, units)(branches)
    np.testing.assert_allclose(fused.sum(axis=1), 1)
    assert (fused.argmax(axis=1) == y).mean() == 1
    assert (weighted_average(branches, y)(branches).argmax(axis=1) == y).mean() < 1
    weight = (fused - second)[:, 0] / (first - second)[:, 0]
    assert weight.min() > 0
    assert weight.max() < 1
    assert weight[y == 2].min() > 0.5 > weight[y != 2].max()


def test_of_three_branches_the_gate_follows_whoever_knows():
    """Each branch is sure of one class, which it knows, and says nothing of the others."""
    rng = np.random.default_rng(4)
    y = rng.integers(0, 3, 300)
    branches = [np.where(y[:, None] == i, np.eye(3)[i] * 0.9 + 1 / 30, np.roll([0, 0.6, 0.4], i)) for i in range(3)]
    fused = gated(branches, y, 100.0)(branches)
    np.testing.assert_allclose(fused.sum(axis=1), 1)
    assert (fused.argmax(axis=1) == y).mean() == 1


def test_a_gate_held_back_leaves_one_half_and_a_useless_branch_gets_little():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 3, 90)
    first, second = probabilities(rng, y, 2.0), rng.dirichlet(np.ones(3), 90)
    # Only the bias is free of the penalty: it says how much either branch counts on the whole.
    z, right = np.hstack([first, second]) - 1 / 3, np.array([p[np.arange(90), y] for p in (first, second)])
    weights = fit_gate(z, right, 1e-9).weigh(z)[0][0]
    assert weights.max() - weights.min() < 1e-6
    assert weights.min() > 0.7
    for count in (2, 3):
        same = [first] * count
        np.testing.assert_allclose(gated(same, y, 1.0)(same), first)
