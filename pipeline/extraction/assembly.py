"""The final file of an extraction, made of rows of the previous file and of the journal's pieces.

Pieces go into it in the plan's order, each as soon as it and those before it are finished, while others are still
computed; so the bytes do not depend on which is finished first.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.feature_writer import FeatureWriter
from pipeline.storage.header import Header
from pipeline.storage.journal import Journal

Plan = list[list[str]]
"""the digests (hex) of each piece's utterances"""


class Assembly:
    """Write a feature file as its pieces are finished; it appears when the block ends without an error.

    Args:
        out: the file to make.
        header: its root attributes.
        keys: N utterance keys.
        digests: (N, 32) uint8, what identifies each row's values; rows with one digest are computed once.
        lengths: (N,) frames of each utterance; None when they are not known before all is computed.
        dims: stream name -> number of dimensions.
        dtypes: stream name -> dtype.
        previous: a file whose rows of these digests are copied, or None.
        plan: the digests of what each piece of the journal holds.
        journal: where the pieces are.
        compression: None, or an HDF5 filter.
    """

    def __init__(
        self,
        out: Path,
        header: Header,
        keys: Sequence[str],
        digests: NDArray[np.uint8],
        lengths: NDArray[np.int64] | None,
        dims: Mapping[str, int],
        dtypes: Mapping[str, np.dtype[Any]],
        previous: FeatureFile | None,
        plan: Plan,
        journal: Journal,
        compression: str | None = None,
    ) -> None:
        self._places: dict[str, list[int]] = {}
        for place, digest in enumerate(digests):
            self._places.setdefault(digest.tobytes().hex(), []).append(place)
        self._make = (out, header, keys, digests)
        self._streams = (dims, dtypes, compression)
        self._lengths, self._previous, self._plan, self._journal = lengths, previous, plan, journal
        self._finished: set[int] = set()
        self._next = 0
        self._stack = ExitStack()
        self._writer: FeatureWriter | None = None

    def __enter__(self) -> "Assembly":
        if self._lengths is not None:
            self._begin(self._lengths)
        return self

    def add(self, number: int) -> None:
        """Piece `number` is in the journal: write it, and those that waited for it."""
        self._finished.add(number)
        while self._writer is not None and self._next in self._finished:
            self._put(self._writer, self._next)
            self._next += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._stack:
            if error is not None:
                raise error
            if self._writer is None:
                writer = self._begin(self._lengths_of_pieces())
                for number in range(len(self._plan)):
                    self._put(writer, number)

    def _begin(self, lengths: NDArray[np.int64]) -> FeatureWriter:
        self._writer = writer = FeatureWriter(*self._make, lengths, *self._streams)
        self._stack.enter_context(writer)
        for i, places in self._kept():
            for stream in self._streams[0]:
                values = self._previous.row(i, stream)  # type: ignore[union-attr]
                for place in places:
                    writer.put(place, stream, values)
        return writer

    def _kept(self) -> list[tuple[int, list[int]]]:
        """Rows of the previous file that serve, and their places here."""
        if self._previous is None:
            return []
        names = [digest.tobytes().hex() for digest in self._previous.digests]
        known = {name: i for i, name in enumerate(names)}
        return [(i, self._places[name]) for name, i in known.items() if name in self._places]

    def _put(self, writer: FeatureWriter, number: int) -> None:
        piece = self._journal.load(number)
        bounds = np.concatenate([[0], np.cumsum(piece["frames"])]).tolist()
        for first, count, place in self._runs(self._plan[number]):
            for stream in self._streams[0]:
                values = piece[f"stream {stream}"][bounds[first] : bounds[first + count]]
                writer.put(place, stream, values, count)

    def _runs(self, names: list[str]) -> Iterator[tuple[int, int, int]]:
        """Rows of a piece that lie together in the file, too: the first, how many, and the first's place there."""
        first, count, place = 0, 0, 0
        for i, name in enumerate(names):
            for other in self._places[name]:
                if (i, other) != (first + count, place + count):
                    if count:
                        yield first, count, place
                    first, count, place = i, 0, other
                count += 1
        yield first, count, place

    def _lengths_of_pieces(self) -> NDArray[np.int64]:
        lengths = np.zeros(len(self._make[2]), np.int64)
        for i, places in self._kept():
            lengths[places] = self._previous.lengths[i]  # type: ignore[union-attr]
        for number, names in enumerate(self._plan):
            for name, frames in zip(names, self._journal.load(number)["frames"], strict=True):
                lengths[self._places[name]] = frames
        return lengths
