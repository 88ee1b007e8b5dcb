"""Compute batches into the journal: in this process, in worker processes, on a cluster, or a process a device."""

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from itertools import cycle, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.arithmetic import is_portable
from pipeline.audio.samples import Wave, to_float
from pipeline.errors import UserError
from pipeline.extraction.long_wave import LONG, LongWave, spooled
from pipeline.features.base import Extractor, Streams
from pipeline.features.length import fit, fitted_length
from pipeline.jobs.devices import torch_devices
from pipeline.jobs.executors import open_each, open_executor, run_all, single_thread, undisturbed, worker_count
from pipeline.jobs.workplace import Workplace
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.journal import save_piece
from pipeline.storage.mapped import blocks

POOL_SECONDS = 600.0
"""audio below which starting worker processes takes longer than it saves (s)"""
RUN_OF_BATCHES = 16
"""most batches that a worker takes at once: inside such a run it waits for nobody, and a device not for the disk"""
RUNS_EACH = 12
"""runs that each worker gets at least, so that all end at about the same time"""


@dataclass(frozen=True)
class Work:
    """Batches to be computed.

    Attributes:
        extractor: what to compute.
        audio: an audio file at its rate.
        batches: number -> rows of the audio.
        folder: the journal's, for the finished pieces.
    """

    extractor: Extractor[Any]
    audio: FeatureFile
    batches: Mapping[int, Sequence[int]]
    folder: Path

    @property
    def seconds(self) -> float:
        """Length of the audio in the batches (s)."""
        samples = sum(int(self.audio.lengths[i]) for batch in self.batches.values() for i in batch)
        return float(samples / self.extractor.params.sample_rate)


def compute(work: Work, workplace: Workplace) -> Iterator[int]:
    """Compute batches into the journal; yields the number of each, as they finish.

    Raises:
        UserError: a value is not finite, or a wave cannot be used; the utterance is named.
    """
    devices = workplace.devices or (work.extractor.device,)
    if work.extractor.uses_device and len(devices) > 1 and not workplace.is_elsewhere:
        with open_each(len(devices)) as executor:
            yield from _compute_there(executor, work, devices, len(devices))
        return
    processes, tasks, resources = _processes(work, workplace), len(work.batches), _resources(work, workplace)
    with open_executor(processes, tasks, workplace.cluster, resources, workplace.executor) as chosen:
        if chosen is None:
            yield from _compute_here(work)
        elif work.extractor.uses_device:
            yield from _compute_there(chosen, work, devices, len(devices))
        else:  # a cluster may have as many workers as there are tasks
            workers = processes if isinstance(chosen, ProcessPoolExecutor) else tasks
            yield from _compute_there(chosen, work, devices, workers)


def _processes(work: Work, workplace: Workplace) -> int:
    """How many worker processes of this machine are worth starting."""
    count = worker_count(workplace.workers)
    asked = workplace.workers is not None or os.environ.get("SER_WORKERS")
    one = work.extractor.uses_device and not is_portable()
    return 1 if one or (not asked and work.seconds < POOL_SECONDS) else count


def _resources(work: Work, workplace: Workplace) -> dict[str, float] | None:
    """The Dask resources that a task takes."""
    on_gpu = work.extractor.uses_device and any(name.startswith("cuda") for name in workplace.devices)
    return {"GPU": 1.0} if on_gpu else None


def _compute_here(work: Work) -> Iterator[int]:
    """In this process: for features of the CPU on one core, as a worker is one."""
    if not work.batches:
        return  # before torch is imported
    if work.extractor.uses_device:
        yield from _compute_overlapped(work)
        return
    with _threads(work.extractor):
        for number in work.batches:
            save_piece(work.folder, number, _piece(_results(work, number, _waves(work, number))))
            yield number


def _compute_overlapped(work: Work) -> Iterator[int]:
    """For a model: one thread reads the next batch, and one writes the last, while this one computes."""
    numbers = list(work.batches)
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer, _threads(work.extractor):
        ahead = deque(reader.submit(_waves, work, number) for number in numbers[:1])
        behind: deque[tuple[int, Future[None]]] = deque()
        for number, following in zip_longest(numbers, numbers[1:]):
            waves = ahead.popleft().result()
            if following is not None:
                ahead.append(reader.submit(_waves, work, following))
            piece = _piece(_results(work, number, waves))
            behind.append((number, writer.submit(save_piece, work.folder, number, piece)))
            if len(behind) > 1:
                yield _written(*behind.popleft())
        for last in behind:
            yield _written(*last)


def _written(number: int, saving: Future[None]) -> int:
    """Wait until a piece is kept."""
    saving.result()
    return number


def _compute_there(executor: Executor, work: Work, devices: Sequence[str], workers: int) -> Iterator[int]:
    """By the executor's workers, each of which takes runs of batches."""
    size = max(1, min(RUN_OF_BATCHES, len(work.batches) // (RUNS_EACH * workers)))
    numbers = list(work.batches)
    runs = [{number: work.batches[number] for number in numbers[at : at + size]} for at in range(0, len(numbers), size)]
    extractor, params = type(work.extractor), work.extractor.params.model_dump_json()
    audio, folder = work.audio.path.resolve(), work.folder.resolve()
    tasks = ((extractor, params, device, audio, run, folder) for device, run in zip(cycle(devices), runs, strict=False))
    for finished in run_all(executor, compute_batches, tasks):
        yield from finished


def compute_batches(
    extractor: type[Extractor[Any]],
    params: str,
    device: str,
    audio: Path,
    batches: Mapping[int, Sequence[int]],
    folder: Path,
) -> list[int]:
    """Compute batches in a worker, and keep them in the journal's folder; returns their numbers."""
    with undisturbed():
        return list(
            _compute_here(Work(_kept_extractor(extractor, params, device), _kept_audio(audio), batches, folder))
        )


@lru_cache(maxsize=1)
def _kept_extractor(extractor: type[Extractor[Any]], params: str, device: str) -> Extractor[Any]:
    """A worker's extractor, so that it loads a model once."""
    if extractor.uses_device:
        torch_devices(device)
    return extractor(extractor.Params.model_validate_json(params), device)


@lru_cache(maxsize=1)
def _kept_audio(path: Path) -> FeatureFile:
    return FeatureFile(path)


def _threads(extractor: Extractor[Any]) -> AbstractContextManager[None]:
    """One thread for features of the CPU, as sums are rounded otherwise with another number; a model has them all."""
    return undisturbed() if extractor.uses_device else single_thread(torch=extractor.uses_torch)


def _waves(work: Work, number: int) -> list[Wave | LongWave]:
    waves = [_wave(work, i) for i in work.batches[number]]
    work.audio.let_go()  # they are copies, in floating point
    return waves


def _wave(work: Work, i: int) -> Wave | LongWave:
    params, samples = work.extractor.params, int(work.audio.lengths[i])
    length = fitted_length(samples, params)
    if LONG < length <= samples:  # no longer than it is: nothing is to be added
        return LongWave(work.audio, i, length)
    return fit(to_float(work.audio.row(i)), params)


def streams_of(extractor: Extractor[Any], recordings: Mapping[str, NDArray[np.int16]]) -> list[Streams]:
    """Features of recordings in memory (key -> samples (n,) at the extractor's rate), as a feature file has them.

    Raises:
        UserError: a value is not finite, or a wave cannot be used.
    """
    waves = [fit(to_float(samples), extractor.params) for samples in recordings.values()]
    with _threads(extractor):
        results = extractor.extract(waves)
    for key, wave, streams in zip(recordings, waves, results, strict=True):
        _check(extractor, key, streams, extractor.frames(len(wave)))
    dtypes = extractor.dtypes
    return [{name: values.astype(dtypes[name], copy=False) for name, values in each.items()} for each in results]


def _results(work: Work, number: int, waves: list[Wave | LongWave]) -> list[Streams]:
    results = _extracted(work, number, waves)
    for i, wave, streams in zip(work.batches[number], waves, results, strict=True):
        _check(work.extractor, work.audio.keys[i], streams, work.extractor.frames(len(wave)))
    return results


def _extracted(work: Work, number: int, waves: list[Wave | LongWave]) -> list[Streams]:
    """The features of a batch, those of its long utterances by themselves."""
    together = [wave for wave in waves if not isinstance(wave, LongWave)]
    usual = iter(work.extractor.extract(together) if together else [])
    results = []
    for i, wave in zip(work.batches[number], waves, strict=True):
        results.append(_long(work, i, wave) if isinstance(wave, LongWave) else next(usual))
    return results


def _long(work: Work, i: int, wave: LongWave) -> Streams:
    try:
        return spooled(work.extractor.extract_long(wave), work.folder)
    except UserError as error:
        raise UserError(f"{work.audio.keys[i]}: {error}") from error


def _piece(results: Sequence[Streams]) -> dict[str, NDArray[Any]]:
    """A batch as it is kept: the frames of each utterance, and each stream's frames of all utterances."""
    counts = [len(next(iter(streams.values()))) for streams in results]
    return {
        "frames": np.array(counts, np.int64),
        **{f"stream {name}": _together([streams[name] for streams in results]) for name in results[0]},
    }


def _together(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Frames of several utterances one after another; those of one are not copied."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _check(extractor: Extractor[Any], key: str, streams: Streams, frames: int | None) -> None:
    """Hold an utterance's features against what the extractor promises; a broken promise is a bug of the extractor.

    Raises:
        UserError: a value is not finite.
        ValueError: other streams, dimensions, number formats, or another number of frames than `frames`.
    """
    subject = f"{extractor.name} of {key}"
    if set(streams) != set(extractor.dims):
        raise ValueError(f"{subject}: has the streams {sorted(streams)}, expected {sorted(extractor.dims)}")
    for name, dim in extractor.dims.items():
        values, dtype = streams[name], extractor.dtypes[name]
        if values.ndim != 2 or values.shape[1] != dim:
            raise ValueError(f"{subject}: stream {name} has shape {values.shape}, expected (frames, {dim})")
        frames = len(values) if frames is None else frames
        if len(values) != frames:
            raise ValueError(f"{subject}: stream {name} has {len(values)} frames, expected {frames}")
        if not np.can_cast(values.dtype, dtype, "same_kind"):
            raise ValueError(f"{subject}: stream {name} is {values.dtype}, expected {dtype}")
        if not extractor.may_be_nan and values.dtype.kind == "f" and not _all_finite(values):
            raise UserError(f"{key}: {extractor.name} has values that are not finite in {name}")


def _all_finite(values: NDArray[Any]) -> bool:
    """Whether all values (frames, dims) are finite, looked at some frames at a time."""
    return all(np.isfinite(block).all() for block in blocks(values))
