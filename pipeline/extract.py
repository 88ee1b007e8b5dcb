"""Run any extractor over a corpus's audio: only what is new is computed, and a killed run goes on where it stopped.

A row's digest covers all its values depend on, so a row whose digest stands in the previous file is copied from it.
The rest is cut into batches by a plan fixed before the run; each finished batch is kept in a folder beside the output
(`NAME.h5.parts`) until the whole file is written under its final name.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import atomic_path
from pipeline.audio import RATES, fit, row_digest, to_float
from pipeline.errors import UserError
from pipeline.features.base import Extractor, Streams
from pipeline.progress import Progress
from pipeline.store import FeatureFile, FeatureWriter, Header, canonical_json

MakeProgress = Callable[[int, str], Progress]


@dataclass(frozen=True)
class Summary:
    """What a run did, in utterances."""

    computed: int
    reused: int
    resumed: int

    def __str__(self) -> str:
        resumed = f" (of which {self.resumed} before the run was interrupted)" if self.resumed else ""
        return f"computed {self.computed}{resumed}, reused {self.reused}"


def audio_file(folder: Path, sample_rate: int) -> FeatureFile:
    """Open the audio of an audio folder at this rate (Hz)."""
    names = {rate: name for name, rate in RATES.items()}
    return FeatureFile(folder / f"{names[sample_rate]}.h5")


def extract(extractor: Extractor[Any], audio: FeatureFile, out: Path, corpus: str) -> Summary:
    """Write the features of every utterance of `audio` to `out`.

    Same inputs, same machine: the same bytes, whether or not runs were interrupted.

    Raises:
        UserError: a value is not finite, or a wave cannot be used; the utterance is named.
    """
    said = canonical_json(extractor.params.model_dump(mode="json"))
    identity = (extractor.name, extractor.version, said, extractor.weights_digest)
    digests = np.array([row_digest(*identity, audio.row(i).tobytes()) for i in range(len(audio))], np.uint8).reshape(
        -1, 32
    )
    names = [bytes(digest).hex() for digest in digests]
    previous = _previous(out, extractor)
    known = {bytes(digest).hex(): i for i, digest in enumerate(previous.digests)} if previous else {}
    first = {name: i for i, name in reversed(list(enumerate(names))) if name not in known}

    batches = _plan(extractor, audio, sorted(first.values()))
    parts = out.with_name(out.name + ".parts")
    done = _open_parts(parts, [[names[i] for i in batch] for batch in batches])
    resumed = sum(len(batches[number]) for number in done)
    with Progress(len(first), f"{extractor.name} of {corpus}", initial=resumed) as progress:
        for number, batch in enumerate(batches):
            if number in done:
                continue
            waves = [fit(to_float(audio.row(i)), extractor.params) for i in batch]
            results = extractor.extract(waves)
            for i, streams in zip(batch, results, strict=True):
                _check(extractor, audio.keys[i], streams)
            _save_part(parts / f"{number:06d}.npz", results)
            progress.update(len(batch))

    header = Header(
        extractor=extractor.name,
        version=extractor.version,
        params=json.loads(said),
        frame_rate=extractor.frame_rate,
        corpus=corpus,
        notes={"weights": extractor.weights_digest} if extractor.weights_digest else {},
    )
    _assemble(out, header, extractor, audio.keys, names, digests, previous, known, batches, parts)
    shutil.rmtree(parts, ignore_errors=True)
    return Summary(sum(name in first for name in names), sum(name in known for name in names), resumed)


def _previous(out: Path, extractor: Extractor[Any]) -> FeatureFile | None:
    """The previous output, when its rows can serve."""
    if not out.exists():
        return None
    try:
        file = FeatureFile(out)
    except UserError:
        return None
    streams = file.streams.items()
    fits = {name: values.shape[1] for name, values in streams} == extractor.dims
    fits &= {name: values.dtype for name, values in streams} == extractor.dtypes
    return file if fits else None


def _plan(extractor: Extractor[Any], audio: FeatureFile, rows: list[int]) -> list[list[int]]:
    """Cut rows into batches of about `batch_seconds`, a padding extractor's by length."""
    lengths = audio.lengths
    if extractor.sort_by_length:
        rows = sorted(rows, key=lambda i: (-lengths[i], i))
    budget = extractor.batch_seconds * extractor.params.sample_rate
    batches: list[list[int]] = []
    filled = 0.0
    for i in rows:
        if not batches or filled + lengths[i] > budget:
            batches.append([])
            filled = 0.0
        batches[-1].append(i)
        filled += lengths[i]
    return batches


def _open_parts(parts: Path, plan: list[list[str]]) -> set[int]:
    """Prepare the journal folder for this plan; the numbers of the batches already in it."""
    identity = hashlib.sha256(canonical_json(plan).encode()).hexdigest()
    journal = parts / "plan.sha256"
    if not journal.is_file() or journal.read_text() != identity:
        shutil.rmtree(parts, ignore_errors=True)
        if not plan:
            return set()
        with atomic_path(journal) as temporary:
            temporary.write_text(identity)
    return {int(path.stem) for path in parts.glob("[0-9]*.npz")}


def _save_part(path: Path, results: Sequence[Streams]) -> None:
    arrays: dict[str, NDArray[Any]] = {}
    for name in results[0]:
        arrays[f"{name}/frames"] = np.array([len(streams[name]) for streams in results], np.int64)
        arrays[name] = np.concatenate([streams[name] for streams in results])
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _check(extractor: Extractor[Any], key: str, streams: Streams) -> None:
    for name, dim in extractor.dims.items():
        values = streams[name]
        if values.ndim != 2 or values.shape[1] != dim:
            raise ValueError(
                f"{extractor.name} gave {name} of shape {values.shape} for {key}; expected (frames, {dim})"
            )
        if not extractor.may_be_nan and values.dtype.kind == "f" and not np.isfinite(values).all():
            raise UserError(f"{key}: {extractor.name} has values that are not finite in {name}; look at the recording")


def _assemble(
    out: Path,
    header: Header,
    extractor: Extractor[Any],
    keys: list[str],
    names: list[str],
    digests: NDArray[np.uint8],
    previous: FeatureFile | None,
    known: dict[str, int],
    batches: list[list[int]],
    parts: Path,
) -> None:
    """Write the final file from the previous one and the parts."""
    rows: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        rows.setdefault(name, []).append(i)
    stream = next(iter(extractor.dims))
    lengths = np.zeros(len(keys), np.int64)
    for name, i in known.items():
        if previous is not None and name in rows:
            lengths[rows[name]] = previous.lengths[i]
    for number, batch in enumerate(batches):
        with np.load(parts / f"{number:06d}.npz", allow_pickle=False) as part:
            for i, frames in zip(batch, part[f"{stream}/frames"], strict=True):
                lengths[rows[names[i]]] = frames
    with FeatureWriter(out, header, keys, digests, lengths, extractor.dims, extractor.dtypes) as writer:
        for name, i in known.items():
            for row in rows.get(name, []) if previous is not None else []:
                for stream in extractor.dims:
                    writer.put(row, stream, previous.row(i, stream))  # type: ignore[union-attr]
        for number, batch in enumerate(batches):
            with np.load(parts / f"{number:06d}.npz", allow_pickle=False) as part:
                for stream in extractor.dims:
                    values = part[stream]
                    starts = np.concatenate([[0], np.cumsum(part[f"{stream}/frames"])])
                    for i, start, stop in zip(batch, starts[:-1], starts[1:], strict=True):
                        for row in rows[names[i]]:
                            writer.put(row, stream, values[start:stop])
