"""Write feature files."""

import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import atomic_path
from pipeline.errors import UserError
from pipeline.storage.atomic_writer import AtomicWriter
from pipeline.storage.header import SCHEMA, UTTERANCES, Header, Outline, checksum
from pipeline.storage.identity import canonical_json
from pipeline.storage.mapped import blocks, is_large

CHUNK_FRAMES = 1024
"""frames of a chunk, where streams are compressed"""
BLOCK_BYTES = 1 << 18
"""rows are gathered up to this much before a write: one write costs about as much as copying 256 KiB"""


class FeatureWriter(AtomicWriter):
    """Write a feature file in one go; it appears under its name only when the block ends without an error.

    Args:
        path: the file to make.
        outline: all of it but its frames.
        lengths: (N,) frames of each utterance.

    Attributes:
        offsets: (N + 1,) int64, row boundaries.

    Raises:
        UserError: there are more utterances than are read, or a key is another when read.
    """

    def __init__(self, path: Path, outline: Outline, lengths: NDArray[np.int64]) -> None:
        if len(outline.keys) > UTTERANCES:
            raise UserError(f"{path}: {len(outline.keys)} utterances, and {UTTERANCES} are the most; split the corpus")
        self.offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self._path = path
        self._outline = outline
        self._keys = [_encoded(key) for key in outline.keys]
        self._digests = outline.digests.reshape(-1, 32)
        self._attributes = root_attributes(outline.header)
        self._bounds: list[int] = self.offsets.tolist()
        self._blocks: dict[str, _Block] = {}

    def _open(self) -> None:
        temporary = self._stack.enter_context(atomic_path(self._path))
        self._sink = self._stack.enter_context(_Sink(temporary, "w+"))
        self._file = self._stack.enter_context(h5py.File(self._sink, "w", libver="v110"))
        self._begin()

    def _begin(self) -> None:
        """Write all but the frames, and make room for these."""
        for name, value in self._attributes.items():
            self._set(name, value)
        width = max((len(key) for key in self._keys), default=1)
        self._file.create_dataset("key", data=np.array(self._keys, f"S{width}"), track_times=False)
        self._file.create_dataset("digest", data=self._digests, track_times=False)
        self._file.create_dataset("offsets", data=self.offsets, track_times=False)
        for name, dim in sorted(self._outline.dims.items()):
            self._blocks[name] = _Block(self._create_stream(name, dim))

    def _create_stream(self, name: str, dim: int) -> h5py.Dataset:
        shape, dtype, compression = (self._bounds[-1], dim), self._outline.dtypes[name], self._outline.compression
        packed = {"compression": compression, "chunks": (min(CHUNK_FRAMES, shape[0]), dim)}
        options = packed if compression and shape[0] else {}
        return self._file.create_dataset(name, shape, dtype, track_times=False, **options)

    def _set(self, name: str, value: str | float) -> None:
        """Set a root attribute; text of fixed length, as HDF5 may loop in a damaged heap of the other kind."""
        if isinstance(value, str):
            data = value.encode()
            self._file.attrs.create(name, data, dtype=h5py.string_dtype("utf-8", max(1, len(data))))
        else:
            self._file.attrs[name] = value

    def put(self, i: int, stream: str, frames: NDArray[Any], count: int = 1) -> None:
        """Write the frames of `count` utterances from i on, (frames, dims); in the order of the file is fastest."""
        start, stop = self._bounds[i], self._bounds[i + count]
        shape = (stop - start, self._outline.dims[stream])
        if frames.shape != shape:
            raise ValueError(f"{stream}: shape {frames.shape}, expected {shape}")
        # Whole chunks, as one that is written in parts is packed for each.
        for rows in blocks(frames, CHUNK_FRAMES, start) if is_large(frames) else [frames]:
            self._blocks[stream].put(start, rows)
            start += len(rows)
        self._sink.check()

    def put_frames(self, start: int, stream: str, frames: NDArray[Any]) -> None:
        """Write frames (frames, dims) from frame `start` of the stream on, whichever utterances they are of."""
        if frames.shape[1:] != (self._outline.dims[stream],) or start + len(frames) > self._bounds[-1]:
            raise ValueError(f"{stream}: shape {frames.shape} from frame {start} on does not fit")
        self._blocks[stream].put(start, frames)
        self._sink.check()

    def _finish(self) -> None:
        for block in self._blocks.values():
            block.flush()
        self._sink.check()
        streams = {name: self._blocks[name].dataset for name in sorted(self._outline.dims)}
        self._set("sha256", checksum(self._attributes, self._keys, self._digests, self.offsets, streams))
        self._file.close()
        self._sink.check()


def _encoded(key: str) -> bytes:
    """A key as HDF5 keeps it.

    Raises:
        UserError: it ends in what HDF5 fills keys up with, and would be another when read.
    """
    if key.endswith("\0"):
        raise UserError(f"the key {key!r} ends in a NUL character, which is lost in a feature file; give it another")
    return key.encode()


def root_attributes(header: Header) -> dict[str, str | float]:
    """A header as the file's attributes, without the checksum."""
    return {
        "schema": SCHEMA,
        "extractor": header.extractor,
        "version": header.version,
        "params": canonical_json(dict(header.params)),
        "frame_rate": float(header.frame_rate),
        "first_frame": float(header.first_frame),
        "corpus": header.corpus,
        **header.notes,
    }


class _Sink(io.FileIO):
    """The file that HDF5 writes to. As HDF5 may crash when a write fails, it is not told; `check` tells us."""

    _error: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all of the data, or keep the error."""
        rest = memoryview(data).cast("B")
        try:
            while len(rest):
                rest = rest[super().write(rest) :]
        except OSError as error:
            self._error = self._error or error
        return memoryview(data).nbytes

    def truncate(self, size: int | None = None) -> int:
        """Set the length, or keep the error."""
        try:
            return super().truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size or 0

    def check(self) -> None:
        """Raise the first error there was."""
        if self._error is not None:
            raise self._error


class _Block:
    """Rows on their way into a dataset: small neighbours are written together."""

    def __init__(self, dataset: h5py.Dataset) -> None:
        self.dataset = dataset
        self._parts: list[NDArray[Any]] = []
        self._start = self._stop = self._bytes = 0
        self._limit = 0  # the first rows go at once: streams then lie in the file in the order they are put

    def put(self, start: int, frames: NDArray[Any]) -> None:
        if start != self._stop:
            self.flush()
            self._start = start
        self._stop = start + len(frames)
        self._bytes += frames.nbytes
        if len(frames):
            self._parts.append(frames)
        if self._bytes > self._limit:
            self.flush()
        elif len(frames):
            self._parts[-1] = frames.copy()

    def flush(self) -> None:
        if self._parts:
            together = np.concatenate(self._parts) if len(self._parts) > 1 else self._parts[0]
            self.dataset[self._start : self._stop] = together
            self._limit = BLOCK_BYTES
        self._parts, self._start, self._bytes = [], self._stop, 0
