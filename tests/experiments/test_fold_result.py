"""A fold's result goes through the journal without loss."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.experiments.fold_result import PARTS, FoldResult, Predicted
from pipeline.storage.journal import Journal, save_piece


def part(count, seed):
    rng = np.random.default_rng(seed)
    return Predicted(np.sort(rng.permutation(99)[:count]), rng.random((count, 3)))


def result(**changes):
    whole = FoldResult(
        parts={name: part(count, count) for name, count in zip(PARTS, (5, 3, 0), strict=True)},
        classes=np.array([0, 2]),
        curve=np.array([[1, 0.1, np.nan, 1 / 3], [2, 0.05, 0.7, 2 / 3]]),
        model=bytes(range(256)),
        parameters=42,
        frozen=7,
        seconds=0.1 + 0.2,
        operations=1e9 / 3,
    )
    return replace(whole, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"variants": {"0": np.eye(3), "12": np.ones((3, 3)) / 3}, "chosen": "12"},
        {"curve": np.zeros((0, 4)), "seconds": np.nan, "operations": np.nan},
        {"model": b""},
        {"choices": {"layer": 3.0, "C": 0.1 + 0.2, "C lowest": 1e-4, "share of layer 12": 1 / 3}},
    ],
)
def test_what_is_read_from_the_journal_is_what_was_kept_to_the_last_bit(changes, tmp_path):
    before, journal = result(**changes), Journal(tmp_path / "models", "plan")
    save_piece(journal.folder, 0, before.to_arrays())
    after = FoldResult.from_arrays(journal.load(0))
    for name in PARTS:
        np.testing.assert_array_equal(after.parts[name].rows, before.parts[name].rows)
        assert after.parts[name].probabilities.shape == before.parts[name].probabilities.shape
        assert after.parts[name].probabilities.tobytes() == before.parts[name].probabilities.tobytes()
    np.testing.assert_array_equal(after.classes, before.classes)
    np.testing.assert_array_equal(after.curve, before.curve)
    assert {name: rows.tobytes() for name, rows in after.variants.items()} == {
        name: rows.tobytes() for name, rows in before.variants.items()
    }
    assert after.choices == before.choices
    for name in ("chosen", "model", "parameters", "frozen", "seconds", "operations"):
        assert getattr(after, name) == getattr(before, name) or np.isnan(getattr(after, name))


def test_parts_join_in_order_and_none_make_an_empty_one():
    pieces = [part(4, 1), part(2, 2)]
    joined = Predicted.joined(pieces, 3)
    assert joined.rows.tolist() == [*pieces[0].rows, *pieces[1].rows]
    np.testing.assert_array_equal(joined.probabilities[4:], pieces[1].probabilities)
    assert Predicted.joined([], 3).probabilities.shape == (0, 3)
