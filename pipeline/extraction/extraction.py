"""Run any extractor over a corpus's audio: only what is new is computed, and a killed run goes on where it stopped.

A row's digest covers all its values depend on, so a row whose digest stands in the previous file is copied from it.
The rest is cut into batches by a plan fixed before the run and kept (`plan.py`), so that the result depends neither on
the number of workers nor on interruptions. Workers keep each finished batch in the journal (`computation.py`), and
`assembly.py` makes the file of them, which has its final name when it is whole.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import arithmetic
from pipeline.extraction.assembly import Assembly, Sources
from pipeline.extraction.computation import Work, compute
from pipeline.extraction.long_wave import LONG
from pipeline.extraction.plan import make_plan
from pipeline.features.base import Extractor
from pipeline.features.length import fitted_length
from pipeline.jobs.executors import worker_count
from pipeline.jobs.progress import Progress
from pipeline.jobs.workplace import USUAL, Workplace
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.header import PRETRAINED_OPERATIONS, PRETRAINED_PARAMETERS, Header, Outline
from pipeline.storage.identity import canonical_json, long_row_digest, row_digest
from pipeline.storage.journal import Journal
from pipeline.storage.obstacles import DamagedError


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


@dataclass(frozen=True)
class Stock:
    """What a corpus's features are, and which of them the previous output has.

    Attributes:
        digests: (N, 32), what identifies each row's result.
        lengths: (N,) frames of each; None where they are known only afterwards.
        previous: the previous output, where its rows can serve.
        damaged: it was there, and could not be used.
    """

    digests: NDArray[np.uint8]
    lengths: NDArray[np.int64] | None
    previous: FeatureFile | None
    damaged: bool

    @cached_property
    def names(self) -> list[str]:
        """Digests (hex)."""
        return [digest.tobytes().hex() for digest in self.digests]

    @cached_property
    def known(self) -> set[str]:
        """Digests (hex) of the rows that the previous output has."""
        return {digest.tobytes().hex() for digest in self.previous.digests} if self.previous else set()

    @cached_property
    def missing(self) -> dict[str, int]:
        """Digest (hex) of what is to be computed -> the first row that has it."""
        return {name: i for i, name in reversed(list(enumerate(self.names))) if name not in self.known}


def take_stock(extractor: Extractor[Any], audio: FeatureFile, out: Path, workers: int | None = None) -> Stock:
    """Look at what there is to do, before it is done.

    Args:
        extractor: what to compute.
        audio: an audio file at the extractor's rate.
        out: the feature file.
        workers: as many threads; default see `Workplace`.

    Raises:
        UserError: `out` cannot be read.
    """
    digests = _digests(extractor, audio, worker_count(workers))
    lengths = _lengths(extractor, audio)
    names = (digest.tobytes().hex() for digest in digests)
    previous, damaged = _previous(out, extractor, {} if lengths is None else dict(zip(names, lengths, strict=True)))
    return Stock(digests, lengths, previous, damaged)


def extract(
    extractor: Extractor[Any],
    audio: FeatureFile,
    out: Path,
    corpus: str,
    workplace: Workplace = USUAL,
    compression: str | None = None,
    stock: Stock | None = None,
) -> Summary:
    """Write the features of every utterance of `audio` to `out`.

    Same inputs, same machine: the same bytes, wherever it is computed, and whether or not runs were interrupted.

    Args:
        extractor: what to compute.
        audio: an audio file at the extractor's rate.
        out: the feature file; rows that it already has are copied.
        corpus: name kept in the file.
        workplace: where to compute; its devices are the extractor's unless it names others.
        compression: None, or an HDF5 filter (gzip, lzf) for the streams.
        stock: what there is to do, where it has been looked at.

    Raises:
        UserError: a value is not finite, or a wave cannot be used; the utterance is named. Or `out` cannot be read.
    """
    stock = stock or take_stock(extractor, audio, out, workplace.workers)
    first = stock.missing
    plan, adopted = make_plan(extractor, audio, first, out)
    journal = Journal(out, canonical_json(plan), adopted)
    resumed = sum(len(plan[number]) for number in journal.resumed)
    todo = {i: [first[name] for name in batch] for i, batch in enumerate(plan) if i not in journal.resumed}
    outline = Outline(
        _header(extractor, audio, corpus), audio.keys, stock.digests, extractor.dims, extractor.dtypes, compression
    )
    with (
        Assembly(out, outline, stock.lengths, Sources(stock.previous, plan, journal)) as assembly,
        Progress(len(first), f"{extractor.name} of {corpus}", initial=resumed) as progress,
    ):
        for number in journal.resumed:
            assembly.add(number)
        for number in compute(Work(extractor, audio, todo, journal.folder), workplace):
            progress.update(len(plan[number]))
            assembly.add(number)
    journal.remove()
    computed = sum(name in first for name in stock.names)
    return Summary(computed, len(stock.names) - computed, resumed, stock.damaged)


def _digests(extractor: Extractor[Any], audio: FeatureFile, threads: int) -> NDArray[np.uint8]:
    """What identifies each row's result, (N, 32): its samples, and what is done with them."""
    params = canonical_json(extractor.params.model_dump(mode="json"))
    identity = (extractor.name, extractor.full_version, params, extractor.weights_digest, *arithmetic.identity())

    def part(rows: NDArray[np.int64]) -> Sequence[NDArray[np.uint8]]:
        digests, read = [], 0
        for i in rows.tolist():
            digests.append(_digest(identity, audio, i))
            read += int(audio.lengths[i])
            if read > LONG:
                audio.let_go()
                read = 0
        return digests

    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(part, np.array_split(np.arange(len(audio)), threads))
        return np.array([digest for digests in parts for digest in digests], np.uint8).reshape(-1, 32)


def _digest(identity: tuple[str, ...], audio: FeatureFile, i: int) -> NDArray[np.uint8]:
    length = int(audio.lengths[i])
    if length <= LONG:
        return row_digest(*identity, audio.row(i).tobytes())
    size = length * audio.streams["values"].dtype.itemsize
    pieces = (audio.part(i, first, first + LONG).tobytes() for first in range(0, length, LONG))
    return long_row_digest(identity, size, pieces)


def _header(extractor: Extractor[Any], audio: FeatureFile, corpus: str) -> Header:
    return Header(
        extractor=extractor.name,
        version=extractor.full_version,
        params=extractor.params.model_dump(mode="json"),
        frame_rate=extractor.frame_rate,
        corpus=corpus,
        notes=_terms(extractor) | (_pretrained(extractor, audio) if extractor.weights_digest else {}),
        first_frame=extractor.first_frame,
    )


def _terms(extractor: Extractor[Any]) -> dict[str, str]:
    """The terms on the use of the values, if there are any."""
    return {"licence": extractor.licence} if extractor.licence else {}


def _pretrained(extractor: Extractor[Any], audio: FeatureFile) -> dict[str, str]:
    """Of a pretrained model: the digest of its weights, and what it costs.

    That is its parameters, and its floating-point operations per second of speech on the utterance of median length,
    which may be cut or extended first. No row's digest depends on them.
    """
    lengths = sorted(audio.lengths.tolist())
    samples = max(1, lengths[len(lengths) // 2]) if lengths else 1
    operations = extractor.pretrained_operations(fitted_length(samples, extractor.params))
    return {
        "weights": extractor.weights_digest,
        PRETRAINED_PARAMETERS: str(extractor.pretrained_parameters),
        PRETRAINED_OPERATIONS: f"{operations * extractor.params.sample_rate / samples:.6g}",
    }


def _lengths(extractor: Extractor[Any], audio: FeatureFile) -> NDArray[np.int64] | None:
    """Each utterance's frames; None where they are known only afterwards, or by the model, which may be elsewhere."""
    if extractor.uses_device:
        return None
    lengths = [extractor.frames(fitted_length(samples, extractor.params)) for samples in audio.lengths.tolist()]
    return None if None in lengths else np.array(lengths, np.int64)


def _previous(out: Path, extractor: Extractor[Any], lengths: Mapping[str, np.int64]) -> tuple[FeatureFile | None, bool]:
    """The previous output, when its rows can serve: whole, and with the same streams; and whether it is damaged.

    Args:
        out: where it is.
        extractor: what is to be computed.
        lengths: digest (hex) -> frames, as far as they are known.

    Raises:
        UserError: it cannot be read now, though it may be whole.
    """
    if not out.exists():
        return None, False
    try:
        file = FeatureFile(out)
        file.verify()
    except DamagedError:
        return None, True
    held = zip((digest.tobytes().hex() for digest in file.digests), file.lengths, strict=True)
    if any(lengths.get(name, frames) != frames for name, frames in held):
        return None, True
    streams = file.streams.items()
    fits = {name: values.shape[1] for name, values in streams} == extractor.dims
    fits &= {name: values.dtype for name, values in streams} == extractor.dtypes
    return (file if fits else None), False
