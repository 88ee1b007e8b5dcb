"""Run any extractor over a corpus's audio: only what is new is computed, and a killed run goes on where it stopped.

A row's digest covers all its values depend on, so a row whose digest stands in the previous file is copied from it.
The rest is cut into batches by a plan fixed before the run and kept, so that the result depends neither on the number
of workers nor on interruptions. Workers keep each finished batch in the journal (`journal.py`), and `assembly.py` makes
the file of them, which has its final name when it is whole.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.samples import Wave, to_float
from pipeline.errors import UserError
from pipeline.extraction.assembly import Assembly, Plan, Sources
from pipeline.features.base import Extractor, Streams
from pipeline.features.length import fit, fitted_length
from pipeline.jobs.devices import torch_devices
from pipeline.jobs.executors import open_each, open_executor, run_all, single_thread, undisturbed, worker_count
from pipeline.jobs.progress import Progress
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.header import Header, Outline
from pipeline.storage.identity import canonical_json, row_digest
from pipeline.storage.journal import Journal, left_plan, save_piece

POOL_SECONDS = 600.0
"""audio below which starting worker processes takes longer than it saves (s)"""
RUN_OF_BATCHES = 16
"""most batches that a worker takes at once: inside such a run it waits for nobody, and a device not for the disk"""
RUNS_EACH = 12
"""runs that each worker gets at least, so that all end at about the same time"""


@dataclass(frozen=True)
class Summary:
    """What a run did, in utterances."""

    computed: int
    reused: int
    resumed: int
    damaged: bool = False
    """the previous file was there, and could not be used"""

    def __str__(self) -> str:
        resumed = f" (of which {self.resumed} before the run was interrupted)" if self.resumed else ""
        damaged = "; the previous file was damaged" if self.damaged else ""
        return f"computed {self.computed}{resumed}, reused {self.reused}{damaged}"


def extract(
    extractor: Extractor[Any],
    audio: FeatureFile,
    out: Path,
    corpus: str,
    workers: int | None = None,
    cluster: str | None = None,
    compression: str | None = None,
    devices: Sequence[str] = (),
    executor: Executor | None = None,
) -> Summary:
    """Write the features of every utterance of `audio` to `out`.

    Same inputs, same machine: the same bytes, whatever the workers, and whether or not runs were interrupted.

    Args:
        extractor: what to compute.
        audio: an audio file at the extractor's rate.
        out: the feature file; rows that it already has are copied.
        corpus: name kept in the file.
        workers: worker processes; default `SER_WORKERS`, or one per core.
        cluster: Dask scheduler; default `SER_CLUSTER`.
        compression: None, or an HDF5 filter (gzip, lzf) for the streams.
        devices: for a model, torch devices: of this machine, each with a process of its own when there are several, or
            of the cluster's workers; default the extractor's.
        executor: used in place of workers and cluster, and left open; its workers see the same files.

    Raises:
        UserError: a value is not finite, or a wave cannot be used; the utterance is named.
    """
    said = canonical_json(extractor.params.model_dump(mode="json"))
    identity = (extractor.name, extractor.version, said, extractor.weights_digest)
    digests = _digests(audio, identity, worker_count(workers))
    names = [digest.tobytes().hex() for digest in digests]
    previous, damaged = _previous(out, extractor)
    known = {digest.tobytes().hex(): i for i, digest in enumerate(previous.digests)} if previous else {}
    first = {name: i for i, name in reversed(list(enumerate(names))) if name not in known}

    plan, adopted = _plan(extractor, audio, first, out)
    journal = Journal(out, canonical_json(plan), adopted)
    resumed = sum(len(plan[number]) for number in journal.resumed)
    batches = [[first[name] for name in batch] for batch in plan]
    todo = {number: batch for number, batch in enumerate(batches) if number not in journal.resumed}
    header = Header(
        extractor=extractor.name,
        version=extractor.version,
        params=extractor.params.model_dump(mode="json"),
        frame_rate=extractor.frame_rate,
        corpus=corpus,
        notes={"weights": extractor.weights_digest} if extractor.weights_digest else {},
        first_frame=extractor.first_frame,
    )
    table = np.array(digests, np.uint8).reshape(-1, 32)
    outline = Outline(header, audio.keys, table, extractor.dims, extractor.dtypes, compression)
    sources = Sources(previous, plan, journal)
    with (
        Assembly(out, outline, _lengths(extractor, audio), sources) as assembly,
        Progress(len(first), f"{extractor.name} of {corpus}", initial=resumed) as progress,
    ):
        for number in journal.resumed:
            assembly.add(number)
        for number in _compute_all(extractor, audio, todo, journal.folder, workers, cluster, devices, executor):
            progress.update(len(plan[number]))
            assembly.add(number)
    journal.remove()
    return Summary(sum(name in first for name in names), sum(name in known for name in names), resumed, damaged)


def _digests(audio: FeatureFile, identity: Sequence[str], threads: int) -> list[NDArray[np.uint8]]:
    """What identifies each row's result: its samples, and what is done with them."""

    def some(rows: NDArray[np.int64]) -> list[NDArray[np.uint8]]:
        return [row_digest(*identity, audio.row(int(i)).tobytes()) for i in rows]

    with ThreadPoolExecutor(threads) as pool:
        return [digest for part in pool.map(some, np.array_split(np.arange(len(audio)), threads)) for digest in part]


def _lengths(extractor: Extractor[Any], audio: FeatureFile) -> NDArray[np.int64] | None:
    """Each utterance's frames; None where they are known only afterwards, or by the model, which may be elsewhere."""
    if extractor.uses_device:
        return None
    found = [extractor.frames(fitted_length(samples, extractor.params)) for samples in audio.lengths.tolist()]
    return None if None in found else np.array(found, np.int64)


def _previous(out: Path, extractor: Extractor[Any]) -> tuple[FeatureFile | None, bool]:
    """The previous output, when its rows can serve: whole, and with the same streams; and whether it is damaged."""
    if not out.exists():
        return None, False
    try:
        file = FeatureFile(out)
        file.verify()
    except UserError:
        return None, True
    streams = file.streams.items()
    fits = {name: values.shape[1] for name, values in streams} == extractor.dims
    fits &= {name: values.dtype for name, values in streams} == extractor.dtypes
    return (file if fits else None), False


def _plan(
    extractor: Extractor[Any], audio: FeatureFile, first: Mapping[str, int], out: Path
) -> tuple[Plan, dict[int, int]]:
    """Plan the batches of what is to be computed (digest -> row), each of about `batch_seconds`.

    An interrupted run's plan is kept while its digests are the same; else its finished batches that still serve
    (returned by number: there -> here) come first, and the rest is planned anew. A padding extractor's batches are made
    of utterances of near-equal length.
    """
    said, finished = left_plan(out)
    left: Plan = json.loads(said) if said else []
    if {name for batch in left for name in batch} == first.keys():
        return left, {}
    useful = [number for number in sorted(finished) if all(name in first for name in left[number])]
    plan = [left[number] for number in useful]
    there = {name for batch in plan for name in batch}

    lengths = audio.lengths
    rows = sorted(i for name, i in first.items() if name not in there)
    if extractor.sort_by_length:
        rows.sort(key=lambda i: (-lengths[i], i))
    digest = {i: name for name, i in first.items()}
    budget = extractor.batch_seconds * extractor.params.sample_rate
    filled = math.inf  # the first row opens a batch, however short it is
    for i in rows:
        if filled + lengths[i] > budget:
            plan.append([])
            filled = 0.0
        plan[-1].append(digest[i])
        filled += lengths[i]
    return plan, {number: place for place, number in enumerate(useful)}


def _compute_all(
    extractor: Extractor[Any],
    audio: FeatureFile,
    todo: dict[int, list[int]],
    folder: Path,
    workers: int | None,
    cluster: str | None,
    devices: Sequence[str],
    given: Executor | None,
) -> Iterator[int]:
    """Compute batches into the journal; yields the number of each, as they finish."""
    if extractor.uses_device and len(devices) > 1 and not cluster and not given:
        with open_each(len(devices)) as executor:
            yield from _compute_there(executor, extractor, audio, todo, folder, devices, len(devices))
        return
    on_gpu = extractor.uses_device and any(name.startswith("cuda") for name in devices)
    resources = {"GPU": 1.0} if on_gpu else None
    seconds = sum(int(audio.lengths[i]) for batch in todo.values() for i in batch) / extractor.params.sample_rate
    count = worker_count(workers)
    asked = workers is not None or os.environ.get("SER_WORKERS")
    if extractor.uses_device or (not asked and seconds < POOL_SECONDS):
        count = 1
    with open_executor(count, len(todo), cluster, resources, given) as chosen:
        if chosen is None:
            yield from _compute_here(extractor, audio, todo, folder)
            return
        devices = devices or [extractor.device]
        if extractor.uses_device:
            count = len(devices)
        elif not isinstance(chosen, ProcessPoolExecutor):
            count = len(todo)  # a cluster may have as many workers
        yield from _compute_there(chosen, extractor, audio, todo, folder, devices, count)


def _compute_here(
    extractor: Extractor[Any], audio: FeatureFile, todo: Mapping[int, list[int]], folder: Path
) -> Iterator[int]:
    """In this process: for features of the CPU on one core, as a worker is one.

    For a model, one thread reads the next batch, and one writes the last, while this one computes.
    """
    numbers = list(todo)
    if not extractor.uses_device:
        with _threads(extractor):
            for number in numbers:
                results = _results(extractor, audio, todo[number], _waves(extractor, audio, todo[number]))
                save_piece(folder, number, _piece(results))
                yield number
        return
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer, _threads(extractor):
        coming = [reader.submit(_waves, extractor, audio, todo[number]) for number in numbers[:1]]
        written = []
        for place, number in enumerate(numbers):
            waves = coming.pop().result()
            if place + 1 < len(numbers):
                coming.append(reader.submit(_waves, extractor, audio, todo[numbers[place + 1]]))
            results = _results(extractor, audio, todo[number], waves)
            written.append(writer.submit(save_piece, folder, number, _piece(results)))
            if place:
                written.pop(0).result()
                yield numbers[place - 1]
        for future in written:
            future.result()
            yield numbers[-1]


def _compute_there(
    executor: Executor,
    extractor: Extractor[Any],
    audio: FeatureFile,
    todo: dict[int, list[int]],
    folder: Path,
    devices: Sequence[str],
    workers: int,
) -> Iterator[int]:
    kind, said = type(extractor), extractor.params.model_dump_json()
    place, parts = audio.path.resolve(), folder.resolve()
    size = max(1, min(RUN_OF_BATCHES, len(todo) // (RUNS_EACH * workers)))
    numbers = list(todo)
    runs = [{number: todo[number] for number in numbers[at : at + size]} for at in range(0, len(numbers), size)]
    tasks = ((kind, said, device, place, run, parts) for device, run in zip(cycle(devices), runs, strict=False))
    for done in run_all(executor, compute_batches, tasks):
        yield from done


def compute_batches(
    kind: type[Extractor[Any]], said: str, device: str, audio: Path, batches: Mapping[int, list[int]], folder: Path
) -> list[int]:
    """Compute batches in a worker, and keep them in the journal's folder; returns their numbers."""
    with undisturbed():
        extractor, file = _kept_extractor(kind, said, device), _kept_audio(audio)
        return list(_compute_here(extractor, file, batches, folder))


@lru_cache(maxsize=1)
def _kept_extractor(kind: type[Extractor[Any]], said: str, device: str) -> Extractor[Any]:
    """A worker's extractor, so that it loads a model once."""
    if kind.uses_device:
        torch_devices(device)
    return kind(kind.Params.model_validate_json(said), device)


@lru_cache(maxsize=1)
def _kept_audio(path: Path) -> FeatureFile:
    return FeatureFile(path)


def _threads(extractor: Extractor[Any]) -> AbstractContextManager[None]:
    """One thread for features of the CPU, as sums are rounded otherwise with another number; a model has them all."""
    return undisturbed() if extractor.uses_device else single_thread(torch=extractor.uses_torch)


def _piece(results: Sequence[Streams]) -> dict[str, NDArray[Any]]:
    """A batch as it is kept: the frames of each utterance, and each stream's frames of all utterances."""
    counts = [len(next(iter(streams.values()))) for streams in results]
    return {
        "frames": np.array(counts, np.int64),
        **{f"stream {name}": np.concatenate([streams[name] for streams in results]) for name in results[0]},
    }


def _waves(extractor: Extractor[Any], audio: FeatureFile, batch: Sequence[int]) -> list[Wave]:
    return [fit(to_float(audio.row(i)), extractor.params) for i in batch]


def _results(extractor: Extractor[Any], audio: FeatureFile, batch: Sequence[int], waves: list[Wave]) -> list[Streams]:
    results = extractor.extract(waves)
    for i, wave, streams in zip(batch, waves, results, strict=True):
        _check(extractor, audio.keys[i], streams, extractor.frames(len(wave)))
    return results


def _check(extractor: Extractor[Any], key: str, streams: Streams, frames: int | None) -> None:
    """Hold an utterance's features against what the extractor promises; a broken promise is a bug of the extractor.

    Raises:
        UserError: a value is not finite.
        ValueError: other streams, dimensions, number formats, or another number of frames than `frames`.
    """
    place = f"{extractor.name} of {key}"
    if set(streams) != set(extractor.dims):
        raise ValueError(f"{place}: has the streams {sorted(streams)}, expected {sorted(extractor.dims)}")
    for name, dim in extractor.dims.items():
        values, dtype = streams[name], extractor.dtypes[name]
        if values.ndim != 2 or values.shape[1] != dim:
            raise ValueError(f"{place}: stream {name} has shape {values.shape}, expected (frames, {dim})")
        frames = len(values) if frames is None else frames
        if len(values) != frames:
            raise ValueError(f"{place}: stream {name} has {len(values)} frames, expected {frames}")
        if not np.can_cast(values.dtype, dtype, "same_kind"):
            raise ValueError(f"{place}: stream {name} is {values.dtype}, expected {dtype}")
        if not extractor.may_be_nan and values.dtype.kind == "f" and not np.isfinite(values).all():
            raise UserError(f"{key}: {extractor.name} has values that are not finite in {name}")
