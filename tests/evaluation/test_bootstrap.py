"""The bootstrap of many units: drawn some samples at a time, in little memory, with the numbers of one drawing."""

import tracemalloc

import numpy as np
import pytest

from pipeline.config.scoring import ScoringParams
from pipeline.evaluation import bootstrap
from pipeline.evaluation.scores import intervals


def tables(units, rare=False):
    rng = np.random.default_rng(1)
    totals = rng.integers(0, 3, (units, 3)).astype(float)
    if rare:
        totals[1:, 2] = 0
        totals[0, 2] = 1
    return totals, rng.random((units, 2, 2))


@pytest.mark.parametrize(
    ("speakers", "units"),
    [
        (["x", "y", "x"], [0, 1, 0]),
        (["x", "x", "x"], [0, 1, 2]),
        (["", "", ""], [0, 1, 2]),
        (["x", "", ""], [0, 1, 2]),
        (["x", "y", ""], [0, 1, 2]),
    ],
)
def test_a_recording_of_nobody_known_is_a_unit_of_its_own(speakers, units):
    found = bootstrap.units_of([*"abcb"], [*speakers, speakers[1]])
    assert [found.index(unit) for unit in found] == [*units, units[1]]


@pytest.mark.parametrize("rare", [False, True])
@pytest.mark.parametrize("held", [1, 100, 1 << 22])
def test_samples_are_the_same_however_many_are_held(monkeypatch, held, rare):
    """Also where about a third of the samples lack the class that one unit has, and are drawn again."""
    totals, others = tables(30, rare)
    whole = bootstrap.resampled([totals, others], totals, 50, seed=3)
    monkeypatch.setattr(bootstrap, "HELD", held)
    parts = bootstrap.resampled([totals, others], totals, 50, seed=3)
    for one, other in zip(whole, parts, strict=True):
        assert one.shape == other.shape
        assert np.allclose(one, other, rtol=1e-14, atol=0)
    assert np.array_equal(whole[0], parts[0])
    assert np.array_equal(whole[0][0], totals.sum(axis=0))
    assert (whole[0] > 0).all()


def test_classes_that_hardly_any_sample_has_are_not_asked_for(monkeypatch):
    totals = np.eye(12)
    monkeypatch.setattr(bootstrap, "HELD", 24)
    (drawn,) = bootstrap.resampled([totals], totals, 40, seed=0)
    assert (drawn.shape, set(drawn.sum(axis=1))) == ((41, 12), {12})


def test_utterances_without_speakers_are_resampled_in_little_memory():
    y = np.arange(20_000) % 4
    params = ScoringParams(bootstrap=1000)
    predicted = np.where(y == 0, 1, y)
    tracemalloc.start()
    found = intervals(y, predicted, [f"{i:06d}" for i in range(len(y))], params, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found["WA"][0] < 0.75 < found["WA"][1]
    assert peak < 200e6  # all samples at once are 160 MB, and their products need them again as floats
