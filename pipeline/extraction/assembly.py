"""The final file of an extraction, made of rows of the previous file and of the journal's pieces.

Pieces go into it in the plan's order, each as soon as it and those before it are finished, while others are still
computed; so the bytes do not depend on which is finished first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.extraction.plan import Plan
from pipeline.storage.atomic_writer import AtomicWriter
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.feature_writer import FeatureWriter
from pipeline.storage.header import Outline
from pipeline.storage.journal import Journal, Piece


@dataclass(frozen=True)
class Sources:
    """Where the rows of a feature file come from.

    Attributes:
        previous: a file whose rows of the digests asked for are copied, or None.
        plan: the digests of what each piece of the journal holds.
        journal: where the pieces are.
    """

    previous: FeatureFile | None
    plan: Plan
    journal: Journal


class Assembly(AtomicWriter):
    """Write a feature file as its pieces are finished; it appears when the block ends without an error.

    Args:
        out: the file to make.
        outline: all of it but its frames; rows with one digest are computed once.
        lengths: (N,) frames of each utterance; None when they are not known before all is computed.
        sources: where its rows come from.
    """

    def __init__(self, out: Path, outline: Outline, lengths: NDArray[np.int64] | None, sources: Sources) -> None:
        self._out, self._outline, self._lengths = out, outline, lengths
        self._previous, self._plan, self._journal = sources.previous, sources.plan, sources.journal
        self._rows: dict[str, list[int]] = {}
        for row, digest in enumerate(outline.digests):
            self._rows.setdefault(digest.tobytes().hex(), []).append(row)
        self._finished: set[int] = set()
        self._next = 0
        self._writer: FeatureWriter | None = None

    def _open(self) -> None:
        if self._lengths is not None:
            self._begin(self._lengths)

    def add(self, number: int) -> None:
        """Piece `number` is in the journal: write it, and those that waited for it."""
        self._finished.add(number)
        while self._writer is not None and self._next in self._finished:
            self._put(self._writer, self._next)
            self._next += 1

    def _finish(self) -> None:
        if self._writer is None:
            writer = self._begin(self._lengths_of_pieces())
            for number in range(len(self._plan)):
                self._put(writer, number)

    def _begin(self, lengths: NDArray[np.int64]) -> FeatureWriter:
        self._writer = writer = FeatureWriter(self._out, self._outline, lengths)
        self._stack.enter_context(writer)
        for file, i, rows in self._kept():
            for stream in self._outline.dims:
                values = file.mapped_row(i, stream)
                for row in rows:
                    writer.put(row, stream, values)
        return writer

    def _kept(self) -> Iterator[tuple[FeatureFile, int, list[int]]]:
        """Rows of the previous file that serve, and their rows here."""
        if self._previous is not None:
            known = {digest.tobytes().hex(): i for i, digest in enumerate(self._previous.digests)}
            yield from ((self._previous, i, self._rows[name]) for name, i in known.items() if name in self._rows)

    def _put(self, writer: FeatureWriter, number: int) -> None:
        try:
            self._put_piece(writer, number, self._journal.load(number))
        except (KeyError, TypeError, ValueError, OverflowError) as error:  # it was checked when it was computed
            raise UserError(
                f"{self._journal.folder.parent}: holds pieces of something else ({' '.join(str(error).split())}); "
                "delete it and run again"
            ) from error

    def _put_piece(self, writer: FeatureWriter, number: int, piece: Piece) -> None:
        bounds = np.concatenate([[0], np.cumsum(piece["frames"])]).tolist()
        for first, count, row in self._runs(self._plan[number]):
            for stream in self._outline.dims:
                values = piece[f"stream {stream}"][bounds[first] : bounds[first + count]]
                writer.put(row, stream, values, count)

    def _runs(self, names: list[str]) -> Iterator[tuple[int, int, int]]:
        """Utterances of a piece that lie together in the file, too: the first, how many, and the first's row there."""
        first, count, start = 0, 0, 0
        for i, name in enumerate(names):
            for row in self._rows[name]:
                if (i, row) != (first + count, start + count):
                    if count:
                        yield first, count, start
                    first, count, start = i, 0, row
                count += 1
        yield first, count, start

    def _lengths_of_pieces(self) -> NDArray[np.int64]:
        lengths = np.zeros(len(self._outline.keys), np.int64)
        for file, i, rows in self._kept():
            lengths[rows] = file.lengths[i]
        for number, names in enumerate(self._plan):
            for name, frames in zip(names, self._journal.load(number)["frames"], strict=True):
                lengths[self._rows[name]] = frames
        return lengths
