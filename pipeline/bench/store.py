"""`ser bench store`: reading feature files, what writing them costs, adding to them, and making them in parallel."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from pipeline.bench import extraction, graph
from pipeline.bench.parts import Parts
from pipeline.bench.timing import Figure, interleaved
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.feature_writer import FeatureWriter
from pipeline.storage.header import Header, Outline

DIMS = 768
"""of the states read, as those of a base model"""
FRAMES = (50, 400)
"""shortest and longest utterance (frames): 1 to 8 s of states"""
CHUNK = 64
"""frames of a chunk of the chunked dataset; with 16, 256 or h5py's own choice it is read more slowly"""
BATCH = 32
"""utterances asked for at once"""


def reads(folder: Path, quick: bool) -> list[Figure]:
    """Whole utterances of (T, 768) float16 states in random order, each copied into memory; the page cache is warm.

    Best of several rounds.
    """
    rng = np.random.default_rng(0)
    lengths = rng.integers(FRAMES[0], FRAMES[1], 30 if quick else 860, endpoint=True)
    bank = rng.standard_normal((8 * FRAMES[1], DIMS)).astype(np.float16)
    starts = rng.integers(0, len(bank) - FRAMES[1], len(lengths))
    states = [bank[start : start + length] for start, length in zip(starts, lengths, strict=True)]
    order = rng.permutation(len(states)).tolist()
    batches = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]

    ours = _write_states(folder / "ours.h5", states)
    bounds = ours.offsets.tolist()
    plain_path, grouped_path, chunked_path = folder / "plain.bin", folder / "grouped.h5", folder / "chunked.h5"
    whole = np.concatenate(states)
    whole.tofile(plain_path)
    with h5py.File(chunked_path, "w") as file:
        file.create_dataset("values", data=whole, chunks=(CHUNK, DIMS))
    with h5py.File(grouped_path, "w") as file:
        for i, values in enumerate(states):
            file.create_group(f"{i:06d}").create_dataset("values", data=values)
    plain = np.memmap(plain_path, np.float16, "r", shape=whole.shape)

    def in_order(read: Callable[[int], NDArray[Any]]) -> Callable[[], None]:
        def task() -> None:
            for i in order:
                read(i)

        return task

    def batched(read: Callable[[list[int]], Iterable[NDArray[Any]]]) -> Callable[[], None]:
        def task() -> None:
            for batch in batches:
                for values in read(batch):
                    np.array(values)

        return task

    with h5py.File(chunked_path) as chunked_file, h5py.File(grouped_path) as grouped_file:
        chunked = chunked_file["values"]
        readers: dict[str, Callable[[int], NDArray[Any]]] = {
            "plain": lambda i: np.array(plain[bounds[i] : bounds[i + 1]]),
            "row": lambda i: np.array(ours.row(i)),
            "grouped": lambda i: grouped_file[f"{i:06d}"]["values"][()],
            "chunked": lambda i: chunked[bounds[i] : bounds[i + 1]],
        }
        for name, read in readers.items():
            if not np.array_equal(read(order[0]), states[order[0]]):
                raise AssertionError(f"{name} reads something else")
        tasks = {name: in_order(read) for name, read in readers.items()}
        tasks["rows"] = batched(ours.rows)
        tasks["items"] = batched(lambda batch: (item["values"] for item in ours.__getitems__(batch)))
        times = interleaved(tasks, 3 if quick else 15, typical=min)

    def share(name: str, label: str, **limits: Any) -> Figure:
        return Figure("reads", label, 100 * times["plain"] / times[name], "%", note="of a memory map's speed", **limits)

    speed, size = whole.nbytes / times["plain"] / 1e6, f"{len(states)} utterances, {whole.nbytes / 1e6:.0f} MB, cached"
    return [
        Figure("reads", "plain numpy memory map", speed, "MB/s", note=size),
        share("row", "FeatureFile.row", at_least=90),
        share("rows", f"FeatureFile.rows, {BATCH} at once", at_least=90),
        share("items", f"FeatureFile.__getitems__, {BATCH} at once", at_least=90),
        share("grouped", "h5py, a group per utterance", about=15),
        share("chunked", "h5py, one chunked dataset", about=30),
    ]


def _write_states(path: Path, states: Sequence[NDArray[np.float16]]) -> FeatureFile:
    count = len(states)
    outline = Outline(
        Header("ssl", "1", {}, 50.0, "synthetic"),
        [f"{i:06d}" for i in range(count)],
        np.zeros((count, 32), np.uint8),
        {"values": DIMS},
        {"values": np.dtype(np.float16)},
    )
    with FeatureWriter(path, outline, np.array([len(values) for values in states], np.int64)) as writer:
        for i, values in enumerate(states):
            writer.put(i, "values", values)
    return FeatureFile(path)


PARTS: Parts = {
    "reads": reads,
    "writing": extraction.writing,
    "adding": extraction.adding,
    "workers": extraction.two_workers,
    "graph": graph.no_op,
}
