"""Of what a feature file may be made: attributes and datasets that lie in the file itself, of plain numbers and text.

HDF5 can also link to other files, keep data in them (external storage, virtual datasets), run filters of the user's,
refer to objects, and claim any shape. None of it is followed or read: a link's type, a dataset's place, filters, type
and shape are looked at first, against the size of the file. What is not plain is a ValueError, as damage is.
"""

import math
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5, h5a, h5d, h5l, h5o, h5s, h5t, h5z
from numpy.typing import NDArray

ATTRIBUTES = 1000
"""of the root, at most"""
ATTRIBUTE_BYTES = 1 << 16
"""of one attribute, at most: what HDF5 keeps beside the root itself"""
DATASETS = 1000
"""in the file, at most"""
INDEX_BYTES = 1 << 28
"""of keys, digests or offsets, which are read into memory, at most"""
UNPACKED_BYTES = 1 << 27
PACKED_BY = 20
"""streams that unpack to more than `UNPACKED_BYTES` were not packed by a larger factor; speech packs to a half"""
CHUNK_BYTES = 8
"""of a packed chunk, at least: no filter makes less of 1024 frames"""
HOLES_BYTES = 1 << 30
"""a larger file has its bytes on the disk, or nearly all of it is a hole, which would be read for hours"""
LZF = h5z.FILTER_LZF

_FLOATS = (h5t.IEEE_F16LE, h5t.IEEE_F32LE, h5t.IEEE_F64LE)
_INTEGERS = (h5t.STD_I8LE, h5t.STD_I16LE, h5t.STD_I32LE, h5t.STD_I64LE)
_NATURALS = (h5t.STD_U8LE, h5t.STD_U16LE, h5t.STD_U32LE, h5t.STD_U64LE)
NUMBERS = (*_FLOATS, *_INTEGERS, *_NATURALS)


def attributes(file: h5py.File) -> dict[str, str | float]:
    """The attributes of the root.

    Raises:
        ValueError: there are too many, or one is no text of fixed length and no number.
    """
    count = h5a.get_num_attrs(file.id)
    if count > ATTRIBUTES:
        raise ValueError(f"it has {count} attributes, and {ATTRIBUTES} are the most")
    return dict(_attribute(h5a.open(file.id, index=i)) for i in range(count))


def attribute(file: h5py.File, name: str) -> str | float | None:
    """One attribute of the root; None when it is not there.

    Raises:
        ValueError: it is no text of fixed length and no number.
    """
    key = name.encode()
    return _attribute(h5a.open(file.id, key))[1] if h5a.exists(file.id, key) else None


def _attribute(given: h5a.AttrID) -> tuple[str, str | float]:
    name, kind = given.name, given.get_type()
    name = name.decode() if isinstance(name, bytes) else name
    # Text of variable length lies in a heap, in a damaged one of which HDF5 may loop.
    text = kind.get_class() == h5t.STRING and not kind.is_variable_str()
    if not (text or kind.equal(h5t.IEEE_F64LE)) or given.get_space().get_simple_extent_type() != h5s.SCALAR:
        raise ValueError(f"attribute {name} is no text of fixed length and no number of 64 bits")
    if kind.get_size() > ATTRIBUTE_BYTES:
        raise ValueError(f"attribute {name} has {kind.get_size()} bytes, and {ATTRIBUTE_BYTES} are the most")
    value = np.empty((), given.dtype)
    given.read(value)
    if not text and not np.isfinite(value):
        raise ValueError(f"attribute {name} is not finite")
    return name, value.item().decode() if text else value.item()


@dataclass(frozen=True)
class PlainDataset:
    """A dataset of which everything but its values is known to be plain.

    Attributes:
        name: its link's.
        id: HDF5's handle.
        path: the file.
        shape: as it says; `ranges` holds it against the file.
        filter: h5z.FILTER_DEFLATE or `LZF`; None where values lie as they are.
    """

    name: str
    id: h5d.DatasetID
    path: Path
    shape: tuple[int, ...]
    filter: int | None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values."""
        kind: np.dtype[Any] = self.id.dtype
        return kind

    @property
    def nbytes(self) -> int:
        """Of the values, unpacked."""
        return math.prod(self.shape) * self.dtype.itemsize

    @cached_property
    def ranges(self) -> list[tuple[int, int]]:
        """Where its bytes begin and stop in the file.

        Raises:
            ValueError: they are not all there.
        """
        if self.filter is not None:
            return [(chunk.byte_offset, chunk.byte_offset + chunk.size) for chunk in self._chunks]
        if not self.nbytes:
            return []
        offset = self.id.get_offset()
        if offset is None or self.id.get_storage_size() != self.nbytes or offset + self.nbytes > self._file_size:
            raise ValueError("it is cut short")
        return [(offset, offset + self.nbytes)]

    @property
    def _file_size(self) -> int:
        return self.path.stat().st_size

    def index(self) -> NDArray[Any]:
        """The values, in memory.

        Raises:
            ValueError: they are packed, too many, or not in the file.
        """
        if self.filter is not None or self.nbytes > INDEX_BYTES:
            raise ValueError(f"{self.name} is packed, or larger than {INDEX_BYTES >> 20} MiB")
        return np.array(self.mapped())

    def stream(self) -> NDArray[Any]:
        """The values: a memory map, or unpacked into memory.

        Raises:
            ValueError: they are not in the file, or unpack to more than they can be.
        """
        return self.mapped() if self.filter is None else self._unpacked()

    def mapped(self) -> NDArray[Any]:
        """A memory map of values that are not packed.

        Raises:
            ValueError: they are not in the file.
        """
        if not self.ranges:
            return np.empty(self.shape, self.dtype)
        return np.memmap(self.path, self.dtype, "r", self.ranges[0][0], self.shape)

    def _unpacked(self) -> NDArray[Any]:
        """All chunks; none unpacks to more or less than a chunk's bytes, whatever is in it."""
        if self.filter == LZF:
            self._check_lzf()
            return np.asarray(h5py.Dataset(self.id)[()])
        values = np.empty(self.shape, self.dtype)
        frames, dims = self._chunk
        for chunk in self._chunks:
            part = values[chunk.chunk_offset[0] : chunk.chunk_offset[0] + frames]
            mask, packed = self.id.read_direct_chunk(chunk.chunk_offset)
            whole = packed if mask else _inflated(packed, self._chunk_bytes)
            part[:] = np.frombuffer(whole, self.dtype).reshape(frames, dims)[: len(part)]
        return values

    def _check_lzf(self) -> None:
        """Refuse chunks that h5py's filter would not fill: the rest would be what memory holds there by chance."""
        settings = self.id.get_create_plist().get_filter(0)[2]
        if settings[2:] != (self._chunk_bytes,):  # what the filter takes memory for
            raise ValueError(f"{self.name} is packed for chunks of another size")
        for chunk in self._chunks:
            mask, packed = self.id.read_direct_chunk(chunk.chunk_offset)
            if (len(packed) if mask else _lzf_size(packed)) != self._chunk_bytes:
                raise ValueError(f"a chunk unpacks to other than {self._chunk_bytes} bytes")

    @property
    def _chunk(self) -> tuple[int, ...]:
        """Frames and dims of a chunk."""
        cut: tuple[int, ...] = self.id.get_create_plist().get_chunk()
        return cut

    @property
    def _chunk_bytes(self) -> int:
        return math.prod(self._chunk) * self.dtype.itemsize

    @cached_property
    def _chunks(self) -> list[Any]:
        """Where the chunks lie: each in the file, each whole in the one way that they are cut."""
        frames, dims = self._chunk
        if dims != self.shape[1] or frames > self.shape[0]:
            raise ValueError(f"{self.name} is cut into other chunks than a feature file is")
        count, size, most = -(-self.shape[0] // frames), self._file_size, self._chunk_bytes
        if count * CHUNK_BYTES > size:
            raise ValueError("it is cut short")
        chunks: list[Any] = []
        # Entries of a tree whose branches are shared are without end; what is returned, if not None, ends them.
        self.id.chunk_iter(lambda chunk: chunks.append(chunk) if len(chunks) <= count else True)
        if len(chunks) != count or {chunk.chunk_offset for chunk in chunks} != {(i * frames, 0) for i in range(count)}:
            raise ValueError("it is cut short")
        if any(chunk.size > most + most // 16 + 64 or chunk.byte_offset + chunk.size > size for chunk in chunks):
            raise ValueError(f"{self.name} has a chunk that is larger than it can be")
        return chunks


def check_apart(datasets: Iterable[PlainDataset]) -> None:
    """Refuse bytes of the file that stand for several values, as of a few bytes any number of streams could be made.

    Raises:
        ValueError: two datasets, or two chunks, share bytes, or some are not all there.
    """
    ranges = sorted(piece for dataset in datasets for piece in dataset.ranges)
    if any(start < stop for (_, stop), (start, _) in pairwise(ranges)):
        raise ValueError("two of its streams or chunks share the same bytes")


def check_packed(streams: Sequence[PlainDataset]) -> None:
    """Hold what packed streams unpack to, all together, against what they are packed in.

    Raises:
        ValueError: it is more than packing gives.
    """
    packed = [stream for stream in streams if stream.filter is not None]
    stored = sum(stop - start for stream in packed for start, stop in stream.ranges)
    whole = sum(stream.nbytes for stream in packed)
    if whole > max(UNPACKED_BYTES, PACKED_BY * stored):
        raise ValueError(f"{packed[0].name} and the others would unpack from {stored} to {whole} bytes")


def _inflated(packed: bytes, size: int) -> bytes:
    """What gzip packed.

    Raises:
        ValueError: it is not of that size.
    """
    unpacker = zlib.decompressobj()
    try:
        whole = unpacker.decompress(packed, size + 1)
    except zlib.error as error:
        raise ValueError(f"a chunk cannot be unpacked ({error})") from error
    if len(whole) != size:
        raise ValueError(f"a chunk unpacks to other than {size} bytes")
    return whole


def _lzf_size(packed: bytes) -> int:
    """Bytes that LZF packed: runs of 1 to 32, and repeats of 3 to 264, as the codes before them say.

    Raises:
        ValueError: it ends within a run.
    """
    place = size = 0
    stop = len(packed)
    while place < stop:
        code = packed[place]
        if code < 32:
            place, size = place + code + 2, size + code + 1
        elif code < 224:
            place, size = place + 2, size + (code >> 5) + 2
        else:
            place, size = place + 3, size + (packed[place + 1] if place + 1 < stop else 0) + 9
    if place != stop:
        raise ValueError("a chunk cannot be unpacked (it is cut short)")
    return size


def datasets(file: h5py.File, path: Path) -> dict[str, PlainDataset]:
    """All that the root has, by name.

    Raises:
        ValueError: something is no plain dataset.
    """
    names: list[bytes] = []
    file.id.links.iterate(lambda name: names.append(name) if len(names) <= DATASETS else True, order=h5.ITER_NATIVE)
    if len(names) > DATASETS:
        raise ValueError(f"it has more than {DATASETS} datasets")
    _check_holes(path)
    return {found.name: found for found in _datasets(file, sorted(names), path)}


def _check_holes(path: Path) -> None:
    status = path.stat()
    blocks = getattr(status, "st_blocks", None)  # not on Windows
    if blocks is not None and status.st_size > max(HOLES_BYTES, 100 * 512 * blocks):
        raise ValueError(f"it says {status.st_size} bytes, and {512 * blocks} are on the disk")


def _datasets(file: h5py.File, names: Iterable[bytes], path: Path) -> Iterator[PlainDataset]:
    for name in names:
        shown = name.decode()
        if file.id.links.get_info(name).type != h5l.TYPE_HARD:
            raise ValueError(f"{shown} is a link, and none is followed")
        info = h5o.get_info(file.id, name)
        if info.type != h5o.TYPE_DATASET or info.rc != 1:
            raise ValueError(f"{shown} is no dataset of its own")
        dataset = h5d.open(file.id, name)
        used = _filter(dataset, shown)  # before the shape, for which HDF5 opens the sources of a virtual dataset
        _check_type(dataset, shown)
        yield PlainDataset(shown, dataset, path, tuple(dataset.shape), used)


def _filter(dataset: h5d.DatasetID, name: str) -> int | None:
    """The filter of a dataset, if it lies in the file itself."""
    plan = dataset.get_create_plist()
    layout, filters = plan.get_layout(), [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
    if layout == h5d.CONTIGUOUS and not plan.get_external_count() and not filters:
        return None
    if layout == h5d.CHUNKED and filters in ([h5z.FILTER_DEFLATE], [LZF]):
        return int(filters[0])
    raise ValueError(f"{name} lies in other files, or is stored in another way than a feature file's")


def _check_type(dataset: h5d.DatasetID, name: str) -> None:
    kind = dataset.get_type()
    text = kind.get_class() == h5t.STRING and not kind.is_variable_str()
    if not text and not any(kind.equal(plain) for plain in NUMBERS):
        raise ValueError(f"{name} is of another type than numbers of up to 64 bits")
