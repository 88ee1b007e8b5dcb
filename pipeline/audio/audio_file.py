"""Audio files: the recordings of a corpus, mono and of 16 bits, as a feature file whose stream is the samples."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import scratch_file
from pipeline.audio.bad_recordings import RecordingsError
from pipeline.audio.decoding import decode
from pipeline.audio.keys import source_key
from pipeline.audio.samples import RATES, resample, to_pcm16
from pipeline.errors import UserError
from pipeline.jobs.executors import in_threads, worker_count
from pipeline.jobs.progress import Progress
from pipeline.storage.atomic_writer import AtomicWriter
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.feature_writer import FeatureWriter
from pipeline.storage.header import Header, Outline
from pipeline.storage.identity import canonical_json, row_digest

VERSION = "1"

SURELY = 16
"""samples at a rate, from which resampling gives some"""

PCM = NDArray[np.int16]
"""16-bit samples, (samples,)"""


def audio_file(folder: Path, sample_rate: int) -> FeatureFile:
    """Open the audio of an audio folder at this rate (Hz)."""
    names = {rate: name for name, rate in RATES.items()}
    return FeatureFile(folder / f"{names[sample_rate]}.h5")


class AudioWriter(AtomicWriter):
    """Write utterances to a feature file with the stream `values`, (samples, 1); it appears when the block ends well.

    Samples wait in a scratch file beside it, so that a corpus need not fit in memory.

    Args:
        path: the file to make.
        corpus: name kept in the file.
        rate: sampling rate (Hz).
        params: what else the samples were made with.
    """

    def __init__(self, path: Path, corpus: str, rate: int, **params: Any) -> None:
        self._path = path
        self._params = {"sample_rate": rate, **params}
        self._header = Header("audio", VERSION, self._params, rate, corpus)
        self._keys: list[str] = []
        self._digests: list[NDArray[np.uint8]] = []
        self._lengths: list[int] = []

    def _open(self) -> None:
        self._scratch = self._stack.enter_context(scratch_file(self._path))

    def add(self, key: str, pcm: PCM) -> None:
        """Add the next utterance."""
        data = pcm.tobytes()
        self._scratch.write(data)
        self._keys.append(key)
        self._digests.append(row_digest("audio", VERSION, canonical_json(self._params), data))
        self._lengths.append(len(pcm))

    def _finish(self) -> None:
        digests = np.array(self._digests, np.uint8)
        outline = Outline(self._header, self._keys, digests, {"values": 1}, {"values": np.dtype(np.int16)})
        self._scratch.seek(0)
        with FeatureWriter(self._path, outline, np.array(self._lengths, np.int64)) as writer:
            for i, length in enumerate(self._lengths):
                data = self._scratch.read(2 * length)
                writer.put(i, "values", np.frombuffer(data, np.int16)[:, None])


def write_audio(path: Path, corpus: str, rate: int, rows: Iterable[tuple[str, PCM]], **params: Any) -> None:
    """Write utterances (key, 16-bit samples) at `rate` Hz as an audio file."""
    with AudioWriter(path, corpus, rate, **params) as writer:
        for key, pcm in rows:
            writer.add(key, pcm)


def prepare(recordings: Mapping[str, Path], files: Mapping[Path, int], corpus: str, workers: int | None = None) -> None:
    """Write recordings (key -> file) to audio files, each at its rate (Hz); several are decoded at once, by threads.

    Raises:
        RecordingsError: recordings cannot be decoded, or are too short to have a sample at a rate; nothing is written.
    """

    def at_every_rate(path: Path) -> list[PCM] | UserError:
        try:
            samples, source = decode(path)
            return [_at_rate(path, samples, source, rate) for rate in files.values()]
        except UserError as error:
            return error

    bad: dict[str, str] = {}
    with ExitStack() as stack:
        writers = [stack.enter_context(AudioWriter(path, corpus, rate)) for path, rate in files.items()]
        progress = stack.enter_context(Progress(len(recordings), f"audio of {corpus}"))
        ready = in_threads(at_every_rate, recordings.values(), worker_count(workers))
        for key, samples in zip(recordings, ready, strict=True):
            progress.update()
            if isinstance(samples, UserError):
                bad[key] = str(samples)
                continue
            for writer, pcm in zip(writers, samples, strict=True):
                writer.add(key, pcm)
        if bad:
            raise RecordingsError(bad)


def check_usable(path: Path) -> None:
    """Decode a recording as its audio will be made.

    Raises:
        UserError: it cannot be decoded, or is too short to have a sample at the lowest rate.
    """
    samples, source = decode(path)
    lowest = min(RATES.values())
    if len(samples) * lowest < SURELY * source:
        _at_rate(path, samples, source, lowest)


def _at_rate(path: Path, samples: NDArray[np.float64], source: int, rate: int) -> PCM:
    try:
        pcm = to_pcm16(resample(samples, source, rate))
    except MemoryError as error:
        length = f"{len(samples)} samples at {source} Hz"
        raise UserError(f"{path}: is too long ({length} at {rate} Hz); mend or remove the file") from error
    if not len(pcm):
        length = f"{len(samples)} samples at {source} Hz are none at {rate} Hz"
        raise UserError(f"{path}: is too short ({length}); mend or remove the file")
    return pcm


def prepare_corpus(recordings: Mapping[str, Path], files: Mapping[Path, int], corpus: str) -> None:
    """Write a corpus's recordings (key -> file) to audio files, each at its rate (Hz).

    Raises:
        UserError: a recording cannot be decoded or is too short, or its key would be taken for a copy's.
    """
    for key, path in recordings.items():
        if source_key(key) != key:
            raise UserError(f"{path}: {key!r} ends as the key of a copy does; rename the file")
    prepare(recordings, files, corpus)
