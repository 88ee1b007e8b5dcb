"""The feature files of several corpora as one source, whose keys say the corpus."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError, UserError
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.header import Header
from pipeline.storage.qualified import Qualified, qualified

AND = " + "
"""between the names of several corpora, where one is expected; no name has it"""


class Joined:
    """The rows of one feature of several corpora, those of the first corpus first.

    Args:
        files: corpus -> its file of the feature.

    Attributes:
        keys: of the N utterances, as "CORPUS/KEY".

    Raises:
        UserError: the files were made in different ways, or have different streams.
    """

    def __init__(self, files: Mapping[str, FeatureFile]) -> None:
        self.sources = [Qualified(file, corpus) for corpus, file in files.items()]
        self._files = [*files.values()]
        for file in self._files[1:]:
            _check_alike(self._files[0], file)
        self.keys = [key for source in self.sources for key in source.keys]
        self._firsts: list[int] = np.cumsum([0, *(len(source.keys) for source in self.sources)]).tolist()
        self._numbers = {source.corpus: number for number, source in enumerate(self.sources)}

    @property
    def label(self) -> str:
        """What errors call it: the files' paths."""
        return AND.join(source.label for source in self.sources)

    @property
    def header(self) -> Header:
        """What made the features, of all corpora."""
        return replace(self._files[0].header, corpus=AND.join(source.corpus for source in self.sources))

    @property
    def streams(self) -> Mapping[str, NDArray[Any]]:
        """Stream name -> frames of the first corpus, (sum of frames, dims); the others' have the same dims and type."""
        return self._files[0].streams

    @cached_property
    def digests(self) -> NDArray[np.uint8]:
        """What each row was computed from, (N, 32)."""
        return np.concatenate([file.digests for file in self._files])

    def index(self, keys: Iterable[str]) -> NDArray[np.int64]:
        """Find the rows of these keys.

        Raises:
            DataError: one is of no corpus of these.
            UserError: there is none of a key.
        """
        return np.array([self._place(key) for key in keys], np.int64)

    def row(self, i: int, stream: str = "values") -> NDArray[Any]:
        """One utterance's frames of a stream, (frames, dims)."""
        number = int(np.searchsorted(self._firsts, i, side="right")) - 1
        return self.sources[number].row(i - self._firsts[number], stream)

    def _place(self, key: str) -> int:
        corpus = key.partition("/")[0]
        if corpus not in self._numbers:
            raise DataError(f"{self.label}: has no utterance {key!r}; its keys begin with the name of a corpus")
        number = self._numbers[corpus]
        return self._firsts[number] + int(self.sources[number].index([key])[0])


def joined(files: Mapping[str, FeatureFile]) -> FeatureFile | Joined:
    """The file of one corpus as it is, or those of several as one source.

    Raises:
        UserError: those of several were made in different ways, or have different streams.
    """
    return Joined(files) if len(files) > 1 else next(iter(files.values()))


def _check_alike(one: FeatureFile, other: FeatureFile) -> None:
    for what, ours, theirs in (
        ("extractor", _made(one.header), _made(other.header)),
        ("weights", one.header.notes.get("weights", ""), other.header.notes.get("weights", "")),
        ("streams", _widths(one), _widths(other)),
    ):
        if ours != theirs:
            raise UserError(
                f"{one.label} and {other.label}: differ in {what} ({ours} and {theirs}), so that no model can be "
                "trained on both; extract both anew with `dvc repro`"
            )


def _made(header: Header) -> str:
    return f"{header.extractor} {header.version} {dict(header.params)}"


def _widths(file: FeatureFile) -> str:
    return ", ".join(f"{name} {values.shape[1]}" for name, values in sorted(file.streams.items()))


__all__ = ["AND", "Joined", "joined", "qualified"]
