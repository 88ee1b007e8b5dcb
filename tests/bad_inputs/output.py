"""What a stranger left in the place of an output, through `ser extract`."""

import os

import h5py
import numpy as np
from bad_inputs.registry import bad_input
from recorded import record

NOT_OURS = "exists, and is not a feature file"
NO_JOURNAL = "where pieces wait, is no folder of this program"


def extract(folder):
    """The arguments of an extraction to out.h5."""
    return ["extract", "waveform", str(record(folder / "recordings", 2)), "--out", str(folder / "out.h5")]


def in_its_place(says, name):
    """Decorate a function that makes what is in the place of the output, given its path."""

    def decorate(make):
        def case(folder):
            make(folder / "out.h5")
            return extract(folder)

        case.__module__ = __name__
        bad_input(f"output of ser extract: {name}", says=says)(case)
        return make  # so that others can use it

    return decorate


@in_its_place(NOT_OURS, "HDF5 of another program")
def foreign(path):
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(1000)


@in_its_place(NOT_OURS, "HDF5 of nothing but an external link to /etc/passwd")
def linked(path):
    with h5py.File(path, "w") as file:
        file["values"] = h5py.ExternalLink("/etc/passwd", "/")


@in_its_place(NOT_OURS, "HDF5 of another schema")
def another_schema(path):
    with h5py.File(path, "w") as file:
        file.attrs["schema"] = "ser-features/99"


@in_its_place(NOT_OURS, "HDF5 of another program, damaged")
def damaged(path):
    foreign(path)
    data = bytearray(path.read_bytes())
    data[8:200] = os.urandom(192)
    path.write_bytes(data)


@in_its_place(NOT_OURS, "a text file")
def text(path):
    path.write_text("dear diary\n")


@in_its_place(NOT_OURS, "a fifo")
def fifo(path):
    os.mkfifo(path)


@in_its_place(NOT_OURS, "a link to a text file")
def link(path):
    text(path.with_name("diary.txt"))
    path.symlink_to("diary.txt")


@in_its_place(NO_JOURNAL, "a folder of somebody's beside it, where its parts go")
def parts(path):
    folder = path.with_name("out.h5.parts")
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work\n")


@in_its_place(NO_JOURNAL, "a link to a folder, where its parts go")
def linked_parts(path):
    (path.parent / "home").mkdir()
    (path.parent / "home/thesis.txt").write_text("years of work\n")
    path.with_name("out.h5.parts").symlink_to("home")


@in_its_place(NO_JOURNAL, "a file where its parts go")
def no_parts(path):
    path.with_name("out.h5.parts").write_text("years of work\n")


@in_its_place("where its audio goes, exists and is not audio", "a text file where its audio goes")
def audio(path):
    path.with_name("out.h5.audio").write_text("years of work\n")


@in_its_place("where the lock of out.h5 goes, is a link", "a link to a file where its lock goes")
def lock(path):
    text(path.with_name("diary.txt"))
    path.with_name(".out.h5.lock").symlink_to("diary.txt")
