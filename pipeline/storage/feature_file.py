"""Read feature files; `header.py` says what is in one."""

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.storage import plain_hdf5
from pipeline.storage.header import INDEX, SCHEMA, UTTERANCES, Header, checksum
from pipeline.storage.identity import canonical_json
from pipeline.storage.mapped import release
from pipeline.storage.obstacles import DamagedError, obstacle, open_hdf5
from pipeline.storage.source import counted, described

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEADER = ("extractor", "version", "params", "frame_rate", "corpus", "first_frame", "sha256")
"""the attributes that are no notes"""
HEAD_BYTES = 4096
"""where a feature file's schema stands, so that one too damaged to be opened is known by it"""


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
        with open_hdf5(path) as file:
            return _schema(file) == SCHEMA
    except (OSError, RuntimeError, KeyError, ValueError, TypeError):
        return _has_schema_in_head(path)


def _schema(file: h5py.File) -> str:
    """The schema that an HDF5 file says it has; "" for none."""
    try:
        return str(plain_hdf5.attribute(file, "schema") or "")
    except ValueError:
        return "no plain text"


def _text(attributes: Mapping[str, str | float], name: str) -> str:
    value = attributes[name]
    if not isinstance(value, str):
        raise ValueError(f"attribute {name} is no text")
    return value


def _number(attributes: Mapping[str, str | float], name: str) -> float:
    value = attributes[name]
    if not isinstance(value, float):
        raise ValueError(f"attribute {name} is no number")
    return value


def _params(text: str) -> dict[str, Any]:
    """An extractor's params, in the one way that they are written."""
    params = json.loads(text)
    if not isinstance(params, dict) or canonical_json(params) != text:
        raise ValueError("attribute params is no mapping in canonical JSON")
    return params


def _has_schema_in_head(path: Path) -> bool:
    """Whether a file that cannot be opened was a feature file; also when too little is left of it to tell."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return SCHEMA.encode() in head or len(head) < HEAD_BYTES


def _check_stream(stream: plain_hdf5.PlainDataset, frames: int) -> None:
    if len(stream.shape) != 2 or stream.shape[0] != frames:
        raise ValueError(f"stream {stream.name} has shape {stream.shape}, its offsets say {frames} frames")
    if not stream.shape[1]:
        raise ValueError(f"stream {stream.name} has no dimensions")
    if stream.dtype.kind == "S":
        raise ValueError(f"stream {stream.name} is text")


class _Released:
    """A stream of which a slice is a copy that leaves nothing of the file in memory."""

    def __init__(self, values: NDArray[Any]) -> None:
        self._plain = values.view(np.ndarray)  # its slices are ten times as fast as a memmap's
        self._mapped = values
        self.dtype, self.shape = values.dtype, values.shape

    def __len__(self) -> int:
        return len(self._plain)

    def __getitem__(self, frames: slice) -> NDArray[Any]:
        copy = self._plain[frames].copy()
        release(self._mapped)
        return copy


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
        DamagedError: the file is not a whole feature file.
        UserError: it is missing, or something is in the way of reading it.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._check_place()
        try:
            with open_hdf5(self.path) as file:
                self._read(file)
        except FileNotFoundError as error:
            raise UserError(f"{self.path}: no such feature file; `dvc repro` makes it") from error
        except (IsADirectoryError, PermissionError) as error:
            raise UserError(f"{self.path}: cannot be read ({os.strerror(error.errno or 0)})") from error
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
            if reason := obstacle(error):
                raise UserError(f"{self.path}: {reason}") from error
            if not starts_as_hdf5(self.path) or not _has_schema_in_head(self.path):
                problem = "not a feature file, or a damaged feature file"
                raise DamagedError(f"{self.path}: {problem}; give another") from error
            reason = " ".join(str(error).split())  # HDF5's messages have several lines
            raise DamagedError(f"{self.path}: damaged feature file ({reason}); delete it and run again") from error
        self._index = {key: i for i, key in enumerate(self.keys)}
        # Slicing a plain array by plain numbers is ten times as fast as a np.memmap by numpy's.
        self._plain = {name: values.view(np.ndarray) for name, values in self.streams.items()}
        self._bounds: list[int] = self.offsets.tolist()
        self.lengths: NDArray[np.int64] = np.diff(self.offsets)

    def _check_place(self) -> None:
        """Refuse what HDF5 would wait for, or only call damaged."""
        if self.path.is_file():
            if not self.path.stat().st_size:
                raise DamagedError(f"{self.path}: is empty; not a feature file")
        elif self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path}: is no regular file, so not a feature file; give another")

    def _read(self, file: h5py.File) -> None:
        schema = _schema(file)
        if schema != SCHEMA:
            shown = " ".join(schema.split())[:60] or "missing"
            raise DamagedError(f"{self.path}: not a feature file (its schema is {shown}, not {SCHEMA}); give another")
        attributes = plain_hdf5.attributes(file)
        self._attributes = {name: value for name, value in attributes.items() if name != "sha256"}
        del attributes["schema"]
        self.header = Header(
            extractor=_text(attributes, "extractor"),
            version=_text(attributes, "version"),
            params=_params(_text(attributes, "params")),
            frame_rate=_number(attributes, "frame_rate"),
            corpus=_text(attributes, "corpus"),
            first_frame=_number({"first_frame": 0.0} | attributes, "first_frame"),  # older files have none
            sha256=str(attributes.get("sha256", "")),
            notes={name: str(value) for name, value in attributes.items() if name not in HEADER},
        )
        self._read_rows(plain_hdf5.datasets(file, self.path))

    def _read_rows(self, datasets: Mapping[str, plain_hdf5.PlainDataset]) -> None:
        if (count := math.prod(datasets["key"].shape)) > UTTERANCES:
            raise ValueError(f"it has {count} keys, and {UTTERANCES} are the most")
        keys, self.digests, self.offsets = (datasets[name].index() for name in INDEX)
        self.keys: list[str] = [key.decode() for key in keys]
        rows = len(self.keys)
        if self.digests.shape != (rows, 32) or self.offsets.shape != (rows + 1,):
            raise ValueError("its key, digest and offsets do not have one length")
        if self.digests.dtype != np.uint8 or self.offsets.dtype != np.int64:
            raise ValueError("its digest or offsets are of another type")
        if self.offsets[0] != 0 or (self.offsets[1:] < self.offsets[:-1]).any():
            raise ValueError("its offsets do not ascend from 0")
        if len(set(self.keys)) != rows:
            raise ValueError("a key stands twice")
        streams = [datasets[name] for name in sorted({*datasets} - {*INDEX})]
        if not streams:
            raise ValueError("it has no stream")
        for stream in streams:
            _check_stream(stream, int(self.offsets[-1]))
        plain_hdf5.check_apart(datasets.values())
        plain_hdf5.check_packed(streams)
        self.streams: dict[str, NDArray[Any]] = {stream.name: stream.stream() for stream in streams}

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        held = f"{self.header.extractor}, {counted(len(self), 'utterance')}, {described(self)}"
        return f"FeatureFile({self.path}: {held})"

    @property
    def label(self) -> str:
        """What errors call it: its path."""
        return str(self.path)

    def __reduce__(self) -> tuple[type["FeatureFile"], tuple[Path]]:
        return FeatureFile, (self.path.absolute(),)  # a worker may have another working folder

    def verify(self) -> None:
        """Read everything and compare it with the checksum of the writer.

        Raises:
            DamagedError: the contents have changed since they were written.
        """
        streams = {name: _Released(self.streams[name]) for name in sorted(self.streams)}
        keys = [key.encode() for key in self.keys]
        if checksum(self._attributes, keys, self.digests, self.offsets, streams) != self.header.sha256:
            raise DamagedError(f"{self.path}: damaged feature file (its checksum is another); delete it and run again")

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

    def mapped_row(self, i: int, stream: str = "values") -> NDArray[Any]:
        """The same as a part of the memory map, of which what was read can be let go of; see `mapped.blocks`."""
        return self.streams[stream][self._bounds[i] : self._bounds[i + 1]]

    def mapped_rows(self, first: int, stop: int, stream: str = "values") -> NDArray[Any]:
        """The same of utterances [first, stop)."""
        return self.streams[stream][self._bounds[first] : self._bounds[stop]]

    def part(self, i: int, first: int, stop: int, stream: str = "values") -> NDArray[Any]:
        """A copy of frames [first, stop) of an utterance, which leaves nothing of the file in memory."""
        begin, end = self._bounds[i], self._bounds[i + 1]
        return _Released(self.streams[stream])[min(begin + first, end) : min(begin + stop, end)]

    def let_go(self) -> None:
        """Leave nothing in memory of what was read of the file; what is used again is read again."""
        for values in self.streams.values():
            release(values)

    def rows(self, indices: Sequence[int] | NDArray[np.int64], stream: str = "values") -> list[NDArray[Any]]:
        """Several utterances' frames of a stream, in the order of `indices`."""
        return [self.row(i, stream) for i in indices]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, NDArray[Any]]]:
        """For each index, stream -> frames (frames, dims): what torch's DataLoader asks a dataset for a batch."""
        streams, bounds = self._plain.items(), self._bounds
        return [{name: values[bounds[i] : bounds[i + 1]] for name, values in streams} for i in indices]
