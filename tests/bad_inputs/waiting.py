"""Feature files that something is in the way of."""

import h5py
from bad_inputs.registry import bad_input
from feature_files import write_logmel
from recorded import record


def marked(path):
    """A feature file with the mark of HDF5 that a program leaves when it is killed while it has it open for writing."""
    write_logmel(path, ["a", "b"])
    with h5py.File(path, "a"):
        data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)
    return path


@bad_input("feature file: left open for writing", says="is open for writing in another program")
def left_open(folder):
    return ["inspect", str(marked(folder / "out.h5"))]


@bad_input("feature file to bring up to date: left open for writing", says="is open for writing in another program")
def output_left_open(folder):
    recordings = record(folder / "recordings", 2)
    return ["extract", "prosody", str(recordings), "--out", str(marked(folder / "out.h5"))]
