"""Features of one corpus among several: the same rows, whose keys say the corpus too."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.storage.header import Header
from pipeline.storage.source import Source


def qualified(corpus: str, name: str) -> str:
    """A key, a speaker or a session of one corpus among several, "CORPUS/NAME"; "" stays so, as unknown."""
    return f"{corpus}/{name}" if name else ""


Place = tuple[str, str]
"""a corpus, and a key in it"""


def place_of(key: str) -> Place:
    """What `qualified` made a key of."""
    corpus, _, own = key.partition("/")
    return corpus, own


class Qualified:
    """A source of one corpus, whose keys are `qualified`.

    Args:
        source: a feature file, or arrays.
        corpus: the corpus's name, which has no "/".
    """

    def __init__(self, source: Source, corpus: str) -> None:
        self.source, self.corpus = source, corpus
        self.keys: Sequence[str] = [qualified(corpus, key) for key in source.keys]

    @property
    def label(self) -> str:
        """What errors call it."""
        return self.source.label

    @property
    def header(self) -> Header:
        """What made the features."""
        return self.source.header

    @property
    def streams(self) -> Mapping[str, NDArray[Any]]:
        """Stream name -> frames of all utterances, (sum of frames, dims)."""
        return self.source.streams

    def index(self, keys: Iterable[str]) -> NDArray[np.int64]:
        """Find the rows of these keys.

        Raises:
            DataError: one is of another corpus.
            UserError: there is none of a key.
        """
        mark = f"{self.corpus}/"
        keys = list(keys)
        if foreign := next((key for key in keys if not key.startswith(mark)), None):
            raise DataError(f"{self.label}: has no utterance {foreign!r}; its keys begin with {mark!r}")
        return self.source.index(key.removeprefix(mark) for key in keys)

    def row(self, i: int, stream: str = "values") -> NDArray[Any]:
        """One utterance's frames of a stream, (frames, dims)."""
        return self.source.row(i, stream)
