"""Feature files from a stranger, through `ser inspect`: streams that are packed, or that share their bytes."""

import zlib

import h5py
import numpy as np
from bad_inputs.feature_file import changed, good, put
from bad_inputs.registry import bad_input


def chunks_of(dataset):
    chunks = []
    dataset.id.chunk_iter(chunks.append)
    return chunks


def noise(size):
    """Bytes that gzip halves, or nearly."""
    return zlib.compress(np.random.default_rng(0).integers(0, 16, size, np.uint8).tobytes(), 1)


@changed("would unpack from", "a gzip bomb of 8 GB")
def gzip_bomb(file):
    rows = 1 << 21
    put(file, "offsets", data=np.array([0, 3, rows]))
    stream = put(file, "values", shape=(rows, 1024), dtype="f4", chunks=(1 << 18, 1024), compression="gzip")
    packed = zlib.compress(bytes(1 << 20), 9)
    for start in range(0, rows, 1 << 18):
        stream.id.write_direct_chunk((start, 0), packed)


@changed("a chunk unpacks to other than 128 bytes", "a chunk that unpacks to 512 MB in place of 128 bytes")
def inner_bomb(file):
    stream = put(file, "values", shape=(8, 4), dtype="f4", chunks=(8, 4), compression="gzip")
    pack = zlib.compressobj(9)
    packed = b"".join(pack.compress(bytes(1 << 20)) for _ in range(512)) + pack.flush()
    stream.id.write_direct_chunk((0, 0), packed[:100])


@changed("a chunk that is larger than it can be", "a chunk of 512 MB, packed, for 128 bytes")
def large_chunk(file):
    stream = put(file, "values", shape=(8, 4), dtype="f4", chunks=(8, 4), compression="gzip")
    pack = zlib.compressobj(9)
    stream.id.write_direct_chunk((0, 0), b"".join(pack.compress(bytes(1 << 20)) for _ in range(512)) + pack.flush())


@changed("a chunk cannot be unpacked", "a chunk that is not gzip's")
def no_gzip(file):
    stream = put(file, "values", shape=(8, 4), dtype="f4", chunks=(8, 4), compression="gzip")
    stream.id.write_direct_chunk((0, 0), b"not packed")


@changed("cut short", "a packed stream without its chunks")
def no_chunks(file):
    put(file, "values", shape=(8, 4), dtype="f4", chunks=(8, 4), compression="gzip")


@changed("would unpack from", "40 gzip bombs of 100 MB each")
def small_bombs(file):
    rows = 1 << 18
    put(file, "offsets", data=np.array([0, 3, rows]))
    del file["values"]
    for number in range(40):
        options = {"chunks": (1 << 14, 100), "compression": "gzip"}
        stream = file.create_dataset(f"s{number}", (rows, 100), "f4", **options)
        for start in range(0, rows, 1 << 14):
            stream.id.write_direct_chunk((start, 0), zlib.compress(bytes(1 << 14), 9))


@changed("cut short", "10^15 packed frames, a chunk for each")
def endless_chunks(file):
    put(file, "offsets", data=np.array([0, 3, 10**15]))
    put(file, "values", shape=(10**15, 4), dtype="f4", chunks=(1, 4), compression="gzip")


@changed("a chunk unpacks to other than", "a chunk of LZF that unpacks to 4 bytes of 1 MB")
def lzf_short(file):
    put(file, "offsets", data=np.array([0, 3, 1 << 16]))
    stream = put(file, "values", shape=(1 << 16, 4), dtype="f4", chunks=(1 << 16, 4), compression="lzf")
    stream.id.write_direct_chunk((0, 0), b"\x03abcd")


@changed("a chunk unpacks to other than", "a chunk of LZF that is not packed, and 4 bytes of 1 MB")
def lzf_bare(file):
    put(file, "offsets", data=np.array([0, 3, 1 << 16]))
    stream = put(file, "values", shape=(1 << 16, 4), dtype="f4", chunks=(1 << 16, 4), compression="lzf")
    stream.id.write_direct_chunk((0, 0), b"abcd", 1)


@changed("a chunk cannot be unpacked", "a chunk of LZF that is cut short")
def lzf_cut(file):
    stream = put(file, "values", shape=(8, 4), dtype="f4", chunks=(8, 4), compression="lzf")
    stream.id.write_direct_chunk((0, 0), b"\x1fabcd")


@bad_input("feature file: chunks of LZF for which 4 GB are taken", says="packed for chunks of another size")
def lzf_memory(folder):
    path = good(folder)
    with h5py.File(path, "r+") as file:
        put(file, "values", data=np.zeros((8, 4), "f4"), chunks=(8, 4), compression="lzf")
    data = bytearray(path.read_bytes())
    place = data.index((128).to_bytes(4, "little"), data.index(b"lzf\0"))
    data[place : place + 4] = b"\xf0\xff\xff\xff"
    path.write_bytes(data)
    return ["inspect", str(path)]


@bad_input("feature file: 300 streams of the same bytes", says="share the same bytes")
def one_range(folder):
    path = good(folder)
    with h5py.File(path, "r+") as file:
        put(file, "offsets", data=np.array([0, 3, 100]))
        del file["values"]
        streams = [file.create_dataset(f"s{number:03}", data=np.full((100, 4), number, "f4")) for number in range(300)]
        places = [stream.id.get_offset() for stream in streams]
    data = bytearray(path.read_bytes())
    for place in places[1:]:
        address = data.index(place.to_bytes(8, "little"))
        data[address : address + 8] = places[0].to_bytes(8, "little")
    path.write_bytes(data)
    return ["inspect", str(path)]


@bad_input("feature file: 4000 chunks of the same bytes", says="share the same bytes")
def one_chunk(folder):
    path, rows, count = good(folder), 1 << 12, 4000
    with h5py.File(path, "r+") as file:
        put(file, "offsets", data=np.array([0, 3, rows * count]))
        options = {"chunks": (rows, 64), "compression": "gzip"}
        stream = put(file, "values", shape=(rows * count, 64), dtype="f4", **options)
        for start in range(0, rows * count, rows):
            stream.id.write_direct_chunk((start, 0), b"xy" if start else noise(rows * 64 * 4))
        first, *others = chunks_of(stream)
    data = bytearray(path.read_bytes())
    for chunk in others:
        found = data.find(entry(chunk, chunk))
        data[found : found + 40] = entry(chunk, first)
    path.write_bytes(data)
    return ["inspect", str(path)]


def entry(chunk, packed):
    """A chunk in HDF5's tree of them: the size of its bytes, its place in the dataset, and theirs in the file."""
    numbers = (*chunk.chunk_offset, 0, packed.byte_offset)
    return packed.size.to_bytes(4, "little") + bytes(4) + b"".join(number.to_bytes(8, "little") for number in numbers)


@bad_input("feature file: a stream of 900 MB, of which nothing is on the disk, changed", says="its checksum is another")
def sparse_stream(folder):
    path, rows = good(folder), 56_000_000
    with h5py.File(path, "r+") as file:
        put(file, "offsets", data=np.array([0, 3, rows]))
        put(file, "values", shape=(rows, 4), dtype="f4")[-1] = 1
    return ["inspect", str(path)]
