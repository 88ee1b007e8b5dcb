"""Where a feature's rows come from: a feature file, or arrays in memory that stand for one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.storage.header import Header

OWN = "own"
"""the stream (frames, 1) that is 1 on an utterance's own frames, where the others are of windows longer than that"""


class Source(Protocol):
    """Features of one kind, of some utterances."""

    @property
    def label(self) -> str:
        """What errors call it: the file's path."""

    @property
    def header(self) -> Header:
        """What made the features."""

    @property
    def keys(self) -> Sequence[str]:
        """The utterances."""

    @property
    def streams(self) -> Mapping[str, NDArray[Any]]:
        """Stream name -> frames of all utterances, (sum of frames, dims)."""

    def index(self, keys: Iterable[str]) -> NDArray[np.int64]:
        """Find the rows of these keys."""

    def row(self, i: int, stream: str = "values") -> NDArray[Any]:
        """One utterance's frames of a stream, (frames, dims)."""


class Arrays:
    """Features in memory, which a `View` takes as it takes a feature file.

    Args:
        streams: stream name (`values`, or `layer_09` of hidden states) -> each utterance's frames (frames, dims), as a
            list or as one array (N, frames, dims).
        keys: of the N utterances; their numbers where left out.
        extractor: what made them, of those that `ser features` lists; "" for vectors that are taken as they are.
        params: the extractor's, as far as a system needs them: `model` and `seed` for blocks trained on states.
        frame_rate: frames per second.
        label: what errors call it.

    Raises:
        DataError: there are no utterances or streams, or they do not have the same number of utterances and frames.
    """

    def __init__(
        self,
        streams: Mapping[str, Sequence[NDArray[Any]] | NDArray[Any]],
        keys: Sequence[str] | None = None,
        extractor: str = "",
        params: Mapping[str, Any] | None = None,
        frame_rate: float = 0.0,
        label: str = "X",
    ) -> None:
        lengths = {tuple(map(len, rows)) for rows in streams.values()}
        if len(lengths) != 1 or lengths == {()}:
            raise DataError(f"{label}: needs a stream, and the same utterances and frames in each")
        self.label = label
        self.header = Header(extractor, "", params or {}, frame_rate, corpus="")
        self.lengths = np.array(lengths.pop(), np.int64)
        self.keys = _numbers(len(self.lengths)) if keys is None else list(keys)
        if len(self.keys) != len(self.lengths):
            raise DataError(f"{label}: {len(self.keys)} keys of {len(self.lengths)} utterances")
        self.streams = {name: _joined(rows) for name, rows in streams.items()}
        self._rows = {key: i for i, key in enumerate(self.keys)}
        self._bounds: list[int] = [0, *np.cumsum(self.lengths).tolist()]

    def __repr__(self) -> str:
        return f"Arrays({counted(len(self.keys), 'utterance')}, {described(self)})"

    def index(self, keys: Iterable[str]) -> NDArray[np.int64]:
        """Find the rows of these keys.

        Raises:
            DataError: there is none of a key.
        """
        try:
            return np.array([self._rows[key] for key in keys], np.int64)
        except KeyError as error:
            raise DataError(f"{self.label}: has no utterance {error}") from error

    def row(self, i: int, stream: str = "values") -> NDArray[Any]:
        """One utterance's frames of a stream, (frames, dims)."""
        return self.streams[stream][self._bounds[i] : self._bounds[i + 1]]


def _numbers(count: int) -> list[str]:
    """Keys that sort as their utterances lie."""
    return [f"{i:0{len(str(count))}d}" for i in range(count)]


def _joined(rows: Sequence[NDArray[Any]] | NDArray[Any]) -> NDArray[Any]:
    """(sum of frames, dims); one array (N, frames, dims) is not copied."""
    if isinstance(rows, np.ndarray) and rows.ndim == 3:
        return rows.reshape(-1, rows.shape[2])
    return np.concatenate(list(rows))


def counted(count: int, what: str) -> str:
    """A count with its noun: "1 speaker", "8 speakers"."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def described(source: Source) -> str:
    """The streams of a source with their dims: "39", or "layer_01 768, layer_09 768"."""
    dims = {name: values.shape[1] for name, values in sorted(source.streams.items())}
    return str(dims["values"]) if [*dims] == ["values"] else ", ".join(f"{name} {n}" for name, n in dims.items())
