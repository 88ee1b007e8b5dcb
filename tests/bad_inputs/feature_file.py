"""Feature files from a stranger, through `ser inspect`."""

import os
from pathlib import Path

import h5py
import numpy as np
from bad_inputs.registry import bad_input
from feature_files import write_features
from h5py import h5d, h5p, h5s, h5t
from recorded import record

LENGTHS = (3, 5)


def good(folder, compression=None):
    """A feature file with nothing wrong, of which each case changes one thing."""
    path = folder / "features.h5"
    write_features(path, {f"u{n}": np.full((n, 4), n, np.float32) for n in LENGTHS})
    return path


def changed(says, name, code=1):
    """Decorate a function that changes one thing of an open feature file."""

    def decorate(change):
        def make(folder: Path) -> list[str]:
            path = good(folder)
            with h5py.File(path, "r+") as file:
                change(file)
            return ["inspect", str(path)]

        make.__module__ = change.__module__
        return bad_input(f"feature file: {name}", says=says, code=code)(make)

    return decorate


def put(file, name, **options):
    """Put a dataset in the place of one there is."""
    del file[name]
    return file.create_dataset(name, **options)


@changed("values is a link, and none is followed", "external link to /etc/passwd as a stream")
def external_link(file):
    del file["values"]
    file["values"] = h5py.ExternalLink("/etc/passwd", "/")


@changed("more is a link, and none is followed", "external link to another HDF5 file")
def external_file(file):
    with h5py.File(Path(file.filename).with_name("other.h5"), "w") as other:
        other["x"] = np.zeros((8, 4), np.float32)
    file["more"] = h5py.ExternalLink("other.h5", "/x")


@changed("more is a link, and none is followed", "external link to a fifo")
def external_fifo(file):
    os.mkfifo(Path(file.filename).with_name("pipe"))
    file["more"] = h5py.ExternalLink("pipe", "/x")


@changed("more is a link, and none is followed", "soft link to a stream")
def soft_link(file):
    file["more"] = h5py.SoftLink("/values")


@changed("more is a link, and none is followed", "soft link to itself")
def soft_loop(file):
    file["more"] = h5py.SoftLink("/more")


@changed("key is a link, and none is followed", "keys behind a soft link")
def soft_key(file):
    file["names"] = file["key"]
    del file["key"]
    file["key"] = h5py.SoftLink("/names")


@changed("more is no dataset of its own", "hard link to the root, a cycle")
def hard_cycle(file):
    file["more"] = file["/"]


@changed("is no dataset of its own", "two names of one dataset")
def hard_link(file):
    file["more"] = file["values"]


@changed("more is no dataset of its own", "a group beside the streams")
def group(file):
    file.create_group("more")


@changed("more is no dataset of its own", "a named type beside the streams")
def named_type(file):
    file["more"] = np.dtype("f4")


@changed("more lies in other files", "external storage in /etc/passwd")
def external_storage(file):
    file.create_dataset("more", (8, 4), "u1", external=[("/etc/passwd", 0, 32)])


@changed("more lies in other files", "external storage in a fifo")
def external_storage_fifo(file):
    os.mkfifo(Path(file.filename).with_name("pipe"))
    file.create_dataset("more", (8, 4), "u1", external=[("pipe", 0, 32)])


@changed("offsets lies in other files", "offsets in external storage")
def external_offsets(file):
    del file["offsets"]
    file.create_dataset("offsets", (3,), "i8", external=[("offsets.bin", 0, 24)])


@changed("more lies in other files", "virtual dataset of another file")
def virtual(file):
    layout = h5py.VirtualLayout((8, 4), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (8, 4))
    file.create_virtual_dataset("more", layout)


@changed("more lies in other files", "virtual dataset without end, of a fifo")
def virtual_unlimited(file):
    os.mkfifo(Path(file.filename).with_name("pipe"))
    layout = h5py.VirtualLayout((8, 4), "f4", maxshape=(None, 4))
    source = h5py.VirtualSource("pipe", "x", (8, 4), maxshape=(None, 4))
    layout[: h5s.UNLIMITED, :] = source[: h5s.UNLIMITED, :]
    file.create_virtual_dataset("more", layout)


@changed("more lies in other files, or is stored in another way", "filter of the user's")
def user_filter(file):
    plan = h5p.create(h5p.DATASET_CREATE)
    plan.set_chunk((8, 4))
    plan.set_deflate(1)
    h5d.create(file.id, b"more", h5t.IEEE_F32LE, h5s.create_simple((8, 4)), plan)
    path = Path(file.filename)
    file.close()
    data = bytearray(path.read_bytes())
    place = data.rindex(b"deflate")
    code = data.rindex(b"\x01\x00\x08\x00", 0, place)
    data[code : code + 2] = (307).to_bytes(2, "little")  # bzip2, which is a plugin
    path.write_bytes(data)


@changed("more lies in other files, or is stored in another way", "n-bit filter")
def nbit_filter(file):
    file.create_dataset("more", (8, 4), "f4", chunks=(8, 4), scaleoffset=2)


@changed("more lies in other files, or is stored in another way", "chunks without a filter")
def bare_chunks(file):
    file.create_dataset("more", data=np.zeros((8, 4), "f4"), chunks=(8, 4))


@changed("more is of another type", "object references")
def references(file):
    file.create_dataset("more", data=np.array([[file.ref] * 4] * 8, h5py.ref_dtype))


@changed("more is of another type", "region references")
def regions(file):
    file.create_dataset("more", (8, 4), h5py.regionref_dtype)


@changed("more is of another type", "text of variable length")
def variable_text(file):
    file.create_dataset("more", (8, 4), h5py.string_dtype())


@changed("more is of another type", "sequences of variable length")
def variable_numbers(file):
    file.create_dataset("more", (8, 4), h5py.vlen_dtype(np.float32))


@changed("more is of another type", "compound type")
def compound(file):
    file.create_dataset("more", data=np.zeros((8, 4), [("a", "f4"), ("b", "i4")]))


@changed("more is of another type", "array type")
def array_type(file):
    file.create_dataset("more", (8, 4), np.dtype("(1000000,)f8"))


@changed("more is of another type", "complex numbers")
def complex_numbers(file):
    file.create_dataset("more", data=np.zeros((8, 4), np.complex64))


@changed("more is of another type", "float128")
def float128(file):
    file.create_dataset("more", data=np.zeros((8, 4), np.longdouble))


@changed("more is of another type", "numbers of the other byte order")
def big_endian(file):
    file.create_dataset("more", data=np.zeros((8, 4), ">f4"))


@changed("more is of another type", "an enumeration")
def enumeration(file):
    file.create_dataset("more", data=np.zeros((8, 4), bool))


@changed("more is of another type", "opaque bytes")
def opaque(file):
    file.create_dataset("more", data=np.zeros((8, 4), "V5"))


@changed("stream more is text", "a stream of text")
def text_stream(file):
    file.create_dataset("more", data=np.full((8, 4), b"x"))


@changed("attribute more is no text of fixed length", "an attribute that is an array")
def array_attribute(file):
    file.attrs["more"] = np.arange(3.0)


@changed("attribute more is no text of fixed length", "an attribute that is a reference")
def reference_attribute(file):
    file.attrs["more"] = file.ref


@changed("attribute more is no text of fixed length", "an attribute of variable length")
def variable_attribute(file):
    file.attrs["more"] = "text"


@changed("attribute more is no text of fixed length", "an attribute of float128")
def long_attribute(file):
    file.attrs["more"] = np.longdouble(1)


@changed("attribute more is no text of fixed length", "an attribute without a value")
def empty_attribute(file):
    file.attrs["more"] = h5py.Empty("f8")


@changed("attribute frame_rate is not finite", "a frame rate that is no number")
def nan_rate(file):
    file.attrs["frame_rate"] = np.nan


@changed("or a damaged feature file", "1500 attributes")
def many_attributes(file):
    for number in range(1491):
        file.attrs[f"a{number}"] = 1.0


@changed("recursion", "params nested 20 000 deep")
def deep_params(file):
    file.attrs["params"] = np.bytes_("[" * 20000)


@changed("1000000000000 keys, and 1000000 are the most", "10^12 keys that are not there")
def huge_keys(file):
    put(file, "key", shape=(10**12,), dtype="S8")


@changed("larger than 256 MiB", "keys of 10^12 bytes")
def wide_keys(file):
    put(file, "key", shape=(1000,), dtype="S1000000000")


@changed("8000000 keys, and 1000000 are the most", "8 000 000 keys")
def many_keys(file):
    put(file, "key", shape=(8_000_000,), dtype="S8")


@changed("stream values has no dimensions", "10^15 frames without dimensions")
def no_dimensions(file):
    put(file, "offsets", data=np.array([0, 3, 10**15]))
    put(file, "values", shape=(10**15, 0), dtype="f4")


@changed("stream values has no dimensions", "a packed stream without dimensions")
def no_dimensions_packed(file):
    put(file, "values", shape=(8, 0), maxshape=(8, None), dtype="f4", chunks=(8, 4), compression="gzip")


@changed("cut short", "10^15 frames that are not there")
def huge_stream(file):
    put(file, "offsets", data=np.array([0, 3, 10**15]))
    put(file, "values", shape=(10**15, 4), dtype="f4")


@changed("its offsets do not ascend from 0", "offsets that overflow")
def overflowing_offsets(file):
    file["offsets"][:] = [0, -(2**62), 8]


@changed("more than 1000 datasets", "1200 streams")
def many_streams(file):
    del file["values"]
    for number in range(1200):
        file.create_dataset(f"s{number}", (8, 4), "f4")


@bad_input("feature file: a hole of 8 TB", says="are on the disk")
def hole(folder):
    path = good(folder)
    with path.open("r+b") as file:
        file.truncate(1 << 43)
    return ["inspect", str(path)]


@bad_input("feature file: a fifo", says="is no regular file")
def fifo(folder):
    os.mkfifo(folder / "features.h5")
    return ["inspect", str(folder / "features.h5")]


@bad_input("feature file: a link to a fifo", says="is no regular file")
def link_to_fifo(folder):
    os.mkfifo(folder / "pipe")
    (folder / "features.h5").symlink_to("pipe")
    return ["inspect", str(folder / "features.h5")]


@bad_input("feature file: a fifo where one is to be written", says="exists, and is not a feature file")
def output_fifo(folder):
    os.mkfifo(folder / "features.h5")
    recordings = record(folder / "recordings", 1)
    return ["extract", "prosody", str(recordings), "--out", str(folder / "features.h5")]


@bad_input("feature file: another program's HDF5 where one is to be written", says="exists, and is not a feature file")
def output_of_another_program(folder):
    with h5py.File(folder / "features.h5", "w") as file:
        file["mine"] = np.arange(5)
    recordings = record(folder / "recordings", 1)
    return ["extract", "prosody", str(recordings), "--out", str(folder / "features.h5")]


@bad_input("feature file: /dev/zero", says="is no regular file")
def device(folder):
    return ["inspect", "/dev/zero"]


@bad_input("feature file: a changed value", says="its checksum is another")
def changed_value(folder):
    path = good(folder)
    with h5py.File(path, "r+") as file:
        file["values"][0, 0] = 99
    return ["inspect", str(path)]
