"""The feature file, schema `ser-features/1`: ragged arrays of many utterances in one HDF5 file.

`/key` (N, bytes), `/digest` (N, 32), `/offsets` (N + 1) and one dataset per stream, (sum of frames, dims), with the
frames of all utterances in manifest order: utterance i has rows `offsets[i]:offsets[i + 1]`. Streams are contiguous
and uncompressed, so they are read through a memory map at the dataset's place in the file.
"""

import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import atomic_path
from pipeline.errors import UserError

SCHEMA = "ser-features/1"
INDEX = ("key", "digest", "offsets")
SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAD_BYTES = 4096
"""where a feature file's schema stands, so that one too damaged to be opened is known by it"""
CHUNK_FRAMES = 1024
"""frames of a chunk, where streams are compressed"""
CHECK_BYTES = 1 << 22
"""read at once for the checksum"""
BLOCK_BYTES = 1 << 18
"""rows are gathered up to this much before a write: one write costs about as much as copying 256 KiB"""


@dataclass(frozen=True)
class Header:
    """What a feature file says of itself, in its root attributes."""

    extractor: str
    version: str
    params: Mapping[str, Any]
    frame_rate: float
    """Hz; 0 when there is one row per utterance"""
    corpus: str
    notes: Mapping[str, str] = field(default_factory=dict)
    """further root attributes, as the digest of pretrained weights"""
    first_frame: float = 0.0
    """where the first frame of every utterance is centred (s)"""
    sha256: str = field(default="", compare=False)
    """checksum of the contents, made by the writer"""


def canonical_json(value: Any) -> str:
    """Write JSON in its one canonical form: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def starts_as_hdf5(path: Path) -> bool:
    """Whether a file is empty or has HDF5's signature; any other file is no feature file, whole or cut short."""
    with path.open("rb") as file:
        head = file.read(len(SIGNATURE))
    return head == SIGNATURE[: len(head)]


def may_be_replaced(path: Path) -> bool:
    """Whether what is there is an empty file or a feature file, whole or damaged, and no other HDF5 file or device.

    Raises:
        OSError: it cannot be read.
    """
    if not path.is_file() or not starts_as_hdf5(path):
        return False
    try:
        with h5py.File(path, "r") as file:
            return _schema(file) == SCHEMA
    except (OSError, RuntimeError, KeyError, ValueError, TypeError):
        return _has_schema_in_head(path)


def _schema(file: h5py.File) -> str:
    """The schema that an HDF5 file says it has; "" for none."""
    value = file.attrs.get("schema", "")
    said = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return said.encode(errors="replace").decode()  # h5py leaves what is not UTF-8 as surrogates


def _has_schema_in_head(path: Path) -> bool:
    """Whether a file that cannot be opened was a feature file; also when too little is left of it to tell."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return SCHEMA.encode() in head or len(head) < HEAD_BYTES


class FeatureFile:
    """A feature file open for reading; it can be pickled, so worker processes can share it.

    Attributes:
        header: the root attributes.
        keys: the N utterance keys, in manifest order.
        digests: (N, 32) uint8, what each row was computed from.
        offsets: (N + 1,) int64, row boundaries.
        lengths: (N,) int64, frames of each utterance.
        streams: stream name -> read-only array (sum of frames, dims).

    Raises:
        UserError: the file is missing, or is not a whole feature file.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._check_place()
        try:
            with h5py.File(self.path, "r") as file:
                self._read(file)
        except FileNotFoundError as error:
            raise UserError(f"{self.path}: no such feature file; `dvc repro` makes it") from error
        except (IsADirectoryError, PermissionError) as error:
            raise UserError(f"{self.path}: cannot be read ({os.strerror(error.errno or 0)})") from error
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            if not starts_as_hdf5(self.path) or not _has_schema_in_head(self.path):
                raise UserError(f"{self.path}: not a feature file, or a damaged feature file; give another") from error
            said = " ".join(str(error).split())  # HDF5's messages have several lines
            raise UserError(f"{self.path}: damaged feature file ({said}); delete it and run again") from error
        self._index = {key: i for i, key in enumerate(self.keys)}
        # Slicing a plain array by plain numbers is ten times as fast as a np.memmap by numpy's.
        self._plain = {name: values.view(np.ndarray) for name, values in self.streams.items()}
        self._bounds: list[int] = self.offsets.tolist()
        self.lengths: NDArray[np.int64] = np.diff(self.offsets)

    def _check_place(self) -> None:
        """Refuse what HDF5 would wait for, or only call damaged."""
        if self.path.is_file():
            if not self.path.stat().st_size:
                raise UserError(f"{self.path}: is empty; not a feature file")
        elif self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path}: is no regular file, so not a feature file; give another")

    def _read(self, file: h5py.File) -> None:
        schema = _schema(file)
        if schema != SCHEMA:
            said = " ".join(schema.split())[:60] or "missing"
            raise UserError(f"{self.path}: not a feature file (its schema is {said}, not {SCHEMA}); give another")
        attributes = {name: value.decode() if isinstance(value, bytes) else value for name, value in file.attrs.items()}
        self._said = {name: value for name, value in attributes.items() if name != "sha256"}
        del attributes["schema"]
        self.header = Header(
            extractor=attributes.pop("extractor"),
            version=attributes.pop("version"),
            params=json.loads(attributes.pop("params")),
            frame_rate=float(attributes.pop("frame_rate")),
            corpus=attributes.pop("corpus"),
            first_frame=float(attributes.pop("first_frame", 0.0)),  # older files have none
            sha256=attributes.pop("sha256", ""),
            notes={name: str(value) for name, value in attributes.items()},
        )
        self.keys: list[str] = [key.decode() for key in file["key"][:]]
        self.digests: NDArray[np.uint8] = file["digest"][:]
        self.offsets: NDArray[np.int64] = file["offsets"][:]
        rows = len(self.keys)
        if self.digests.shape != (rows, 32) or self.offsets.shape != (rows + 1,):
            raise ValueError("its key, digest and offsets do not have one length")
        if self.digests.dtype != np.uint8 or self.offsets.dtype != np.int64:
            raise ValueError("its digest or offsets are of another type")
        if self.offsets[0] != 0 or (np.diff(self.offsets) < 0).any():
            raise ValueError("its offsets do not ascend from 0")
        if len(set(self.keys)) != rows:
            raise ValueError("a key stands twice")
        self.streams: dict[str, NDArray[Any]] = {}
        for name in file:
            if name in INDEX:
                continue
            dataset = file[name]
            if dataset.ndim != 2 or len(dataset) != self.offsets[-1]:
                raise ValueError(f"stream {name} has shape {dataset.shape}, its offsets say {self.offsets[-1]} frames")
            self.streams[name] = self._map(dataset)
        if not self.streams:
            raise ValueError("it has no stream")

    def _map(self, dataset: h5py.Dataset) -> NDArray[Any]:
        if not dataset.size or dataset.id.get_offset() is None:
            return np.asarray(dataset[()])
        if dataset.id.get_offset() + dataset.nbytes > self.path.stat().st_size:
            raise ValueError("it is cut short")
        return np.memmap(self.path, dataset.dtype, "r", dataset.id.get_offset(), dataset.shape)

    def __len__(self) -> int:
        return len(self.keys)

    def __reduce__(self) -> tuple[type["FeatureFile"], tuple[Path]]:
        return FeatureFile, (self.path.absolute(),)  # a worker may have another working folder

    def verify(self) -> None:
        """Read everything and compare it with the checksum of the writer.

        Raises:
            UserError: the contents have changed since they were written.
        """
        streams = {name: self.streams[name] for name in sorted(self.streams)}
        found = _checksum(self._said, [key.encode() for key in self.keys], self.digests, self.offsets, streams)
        if found != self.header.sha256:
            raise UserError(f"{self.path}: damaged feature file (its checksum is another); delete it and run again")

    def index(self, keys: Iterable[str]) -> NDArray[np.int64]:
        """Find the rows of these keys.

        Raises:
            UserError: a key is not in the file.
        """
        try:
            return np.array([self._index[key] for key in keys], np.int64)
        except KeyError as error:
            raise UserError(f"{self.path}: has no utterance {error}; run `dvc repro` to bring it up to date") from error

    def row(self, i: int, stream: str = "values") -> NDArray[Any]:
        """One utterance's frames of a stream, (frames, dims)."""
        return self._plain[stream][self._bounds[i] : self._bounds[i + 1]]

    def rows(self, indices: Sequence[int] | NDArray[np.int64], stream: str = "values") -> list[NDArray[Any]]:
        """Several utterances' frames of a stream, in the order of `indices`."""
        return [self.row(i, stream) for i in indices]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, NDArray[Any]]]:
        """For each index, stream -> frames (frames, dims): what torch's DataLoader asks a dataset for a batch."""
        streams, bounds = self._plain.items(), self._bounds
        return [{name: values[bounds[i] : bounds[i + 1]] for name, values in streams} for i in indices]


class FeatureWriter:
    """Write a feature file in one go; it appears under its name only when the block ends without an error.

    Args:
        path: the file to make.
        header: its root attributes.
        keys: N utterance keys, in manifest order.
        digests: (N, 32) uint8.
        lengths: (N,) frames of each utterance.
        dims: stream name -> number of dimensions.
        dtypes: stream name -> dtype.
        compression: None, or an HDF5 filter (gzip, lzf): smaller, but no longer read through a memory map.
    """

    def __init__(
        self,
        path: Path,
        header: Header,
        keys: Sequence[str],
        digests: NDArray[np.uint8],
        lengths: NDArray[np.int64],
        dims: Mapping[str, int],
        dtypes: Mapping[str, np.dtype[Any]],
        compression: str | None = None,
    ) -> None:
        self.offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self._path = path
        self._header = header
        self._keys = [key.encode() for key in keys]
        self._digests = digests.reshape(-1, 32)
        self._dims = dims
        self._dtypes = dtypes
        self._compression = compression
        self._bounds: list[int] = self.offsets.tolist()
        self._blocks: dict[str, _Block] = {}

    def __enter__(self) -> "FeatureWriter":
        with ExitStack() as stack:
            temporary = stack.enter_context(atomic_path(self._path))
            self._sink = stack.enter_context(_Sink(temporary, "w+"))
            self._file = stack.enter_context(h5py.File(self._sink, "w", libver="v110"))
            self._begin()
            self._stack = stack.pop_all()
        return self

    def _begin(self) -> None:
        header = self._header
        attributes: dict[str, str | float] = {
            "schema": SCHEMA,
            "extractor": header.extractor,
            "version": header.version,
            "params": canonical_json(dict(header.params)),
            "frame_rate": float(header.frame_rate),
            "first_frame": float(header.first_frame),
            "corpus": header.corpus,
            **header.notes,
        }
        self._said = attributes
        for name, value in attributes.items():
            self._set(name, value)
        width = max((len(key) for key in self._keys), default=1)
        self._file.create_dataset("key", data=np.array(self._keys, f"S{width}"), track_times=False)
        self._file.create_dataset("digest", data=self._digests, track_times=False)
        self._file.create_dataset("offsets", data=self.offsets, track_times=False)
        for name, dim in sorted(self._dims.items()):
            shape = (int(self.offsets[-1]), dim)
            packed = {"compression": self._compression, "chunks": (min(CHUNK_FRAMES, shape[0]), dim)}
            options = packed if self._compression and shape[0] else {}
            dataset = self._file.create_dataset(name, shape, self._dtypes[name], track_times=False, **options)
            self._blocks[name] = _Block(dataset)

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
        if frames.shape != (stop - start, self._dims[stream]):
            raise ValueError(f"{stream}: shape {frames.shape}, expected {(stop - start, self._dims[stream])}")
        self._blocks[stream].put(start, frames)
        self._sink.check()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._stack:
            if error is not None:
                raise error
            for block in self._blocks.values():
                block.flush()
            self._sink.check()
            streams = {name: self._blocks[name].dataset for name in sorted(self._dims)}
            self._set("sha256", _checksum(self._said, self._keys, self._digests, self.offsets, streams))
            self._file.close()
            self._sink.check()


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


def _checksum(
    said: Mapping[str, Any],
    keys: Sequence[bytes],
    digests: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    streams: Mapping[str, Any],
) -> str:
    """Hex SHA-256 of all that a feature file holds; `said` are its other attributes, `streams` are sorted by name."""
    state = hashlib.sha256(repr(sorted((name, str(value)) for name, value in said.items())).encode())
    state.update(b"\0".join(keys))
    state.update(digests.tobytes())
    state.update(offsets.tobytes())
    for name, values in streams.items():
        state.update(f"{name} {values.dtype} {values.shape}".encode())
        step = max(1, CHECK_BYTES // (values.dtype.itemsize * values.shape[1] or 1))
        for start in range(0, len(values), step):
            state.update(np.ascontiguousarray(values[start : start + step]).data)
    return state.hexdigest()
