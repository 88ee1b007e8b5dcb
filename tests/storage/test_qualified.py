"""Features of one corpus among several."""

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.storage.qualified import Qualified, qualified
from pipeline.storage.source import Arrays
from pipeline.systems.view import View


def _source(first: float) -> Arrays:
    return Arrays({"values": np.arange(first, first + 6).reshape(2, 1, 3)}, keys=["a", "b"], extractor="prosody")


def test_equal_keys_of_two_corpora_are_told_apart() -> None:
    sources = [Qualified(_source(0), "one"), Qualified(_source(10), "two")]
    view = View(["two/a", "one/a", "one/b"], {"prosody": sources})
    assert [rows[0].tolist() for rows in view.arrays("prosody")] == [[10, 11, 12], [0, 1, 2], [3, 4, 5]]


def test_a_key_of_another_corpus_is_refused() -> None:
    with pytest.raises(DataError, match="no utterance 'two/a'"):
        Qualified(_source(0), "one").index(["two/a"])


def test_what_is_unknown_stays_unknown() -> None:
    assert (qualified("one", "s1"), qualified("one", "")) == ("one/s1", "")
