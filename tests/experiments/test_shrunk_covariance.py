"""Covariances by their axes."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

from pipeline.experiments.shrunk_covariance import Spectrum


def _rows(count: int, dims: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(count, dims)) @ rng.normal(size=(dims, dims))
    return np.asarray(rows - rows.mean(axis=0))


@pytest.mark.parametrize("count", [40, 12, 7, 3])
def test_it_is_scikit_learns_ledoit_wolf_of_many_rows_and_of_few(count: int) -> None:
    rows = _rows(count, 12)
    wanted = ledoit_wolf(rows, assume_centered=True)[0]
    spectrum = Spectrum.of(np.array_split(rows, 2), count, 12)
    assert spectrum.power(np.eye(12), 1) == pytest.approx(wanted)


@pytest.mark.parametrize("count", [40, 7])
def test_roots_multiply_to_the_whole(count: int) -> None:
    spectrum = Spectrum.of([_rows(count, 12)], count, 12)
    half = spectrum.power(spectrum.power(np.eye(12), 0.5), 0.5)
    assert half == pytest.approx(spectrum.power(np.eye(12), 1))
    assert spectrum.power(half, -1) == pytest.approx(np.eye(12), abs=1e-7)


def test_rows_that_never_vary_are_left_alone_by_a_root_and_its_reciprocal() -> None:
    spectrum = Spectrum.of([np.zeros((3, 2))], 3, 2)
    rows = np.zeros((1, 2))
    assert spectrum.power(spectrum.power(rows, -0.5), 0.5).tolist() == [[0, 0]]
