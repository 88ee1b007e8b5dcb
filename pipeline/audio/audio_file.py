"""Audio files: the recordings of a corpus, mono and of 16 bits, as a feature file whose stream is the samples."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import scratch_file
from pipeline.audio.bad_recordings import RecordingsError
from pipeline.audio.decoding import Recording
from pipeline.audio.keys import source_key
from pipeline.audio.samples import RATES, Resampler, to_pcm16
from pipeline.errors import UserError
from pipeline.jobs.executors import in_threads, worker_count
from pipeline.jobs.progress import Progress
from pipeline.storage.atomic_writer import AtomicWriter
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.feature_writer import FeatureWriter
from pipeline.storage.header import Header, Outline
from pipeline.storage.identity import canonical_json, long_row_digest

VERSION = "1"

SURELY = 16
"""samples at a rate, from which resampling gives some"""

PIECE = 1 << 21
"""samples that are kept in memory at once: two minutes at 16 kHz"""

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
        self._add(key, len(pcm), [pcm.tobytes()])

    def add_waiting(self, key: str, samples: "Waiting") -> None:
        """Add the next utterance, whose samples wait."""
        self._add(key, len(samples), samples.pieces())

    def _add(self, key: str, length: int, pieces: Iterable[bytes]) -> None:
        parts = ("audio", VERSION, canonical_json(self._params))
        self._digests.append(long_row_digest(parts, 2 * length, self._kept(pieces)))
        self._keys.append(key)
        self._lengths.append(length)

    def _kept(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._scratch.write(piece)
            yield piece

    def _finish(self) -> None:
        digests = np.array(self._digests, np.uint8)
        outline = Outline(self._header, self._keys, digests, {"values": 1}, {"values": np.dtype(np.int16)})
        self._scratch.seek(0)
        with FeatureWriter(self._path, outline, np.array(self._lengths, np.int64)) as writer:
            for i, length in enumerate(self._lengths):
                for first in range(0, length, PIECE):
                    data = self._scratch.read(2 * min(PIECE, length - first))
                    writer.put_part(i, "values", first, np.frombuffer(data, np.int16)[:, None])


class Waiting:
    """Samples of an utterance that wait to be written: in memory, and the many of a long one in a temporary file.

    Args:
        folder: where that file is made, as the disk of temporary files may be memory.
    """

    def __init__(self, folder: Path) -> None:
        self._file = SpooledTemporaryFile(2 * PIECE, dir=str(folder))  # noqa: SIM115
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, pcm: PCM) -> None:
        """Add the next samples."""
        self._file.write(pcm.tobytes())
        self._length += len(pcm)

    def pieces(self) -> Iterator[bytes]:
        """All samples as bytes, once; then nothing of them is left."""
        with self._file:
            self._file.seek(0)
            while data := self._file.read(2 * PIECE):
                yield data


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

    def at_every_rate(path: Path) -> list[Waiting] | UserError:
        try:
            return _at_rates(path, {rate: Waiting(file.parent) for file, rate in files.items()})
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
            for writer, waiting in zip(writers, samples, strict=True):
                writer.add_waiting(key, waiting)
        if bad:
            raise RecordingsError(bad)


def _at_rates(path: Path, rates: Mapping[int, Waiting]) -> list[Waiting]:
    """Decode a recording, and let its samples wait at each rate (Hz)."""
    with Recording(path) as recording:
        resamplers = {rate: Resampler(recording.rate, rate) for rate in rates}
        for block in recording.mono():
            for rate, resampler in resamplers.items():
                rates[rate].append(to_pcm16(resampler.push(block)))
    for rate, resampler in resamplers.items():
        rates[rate].append(to_pcm16(resampler.push(np.zeros(0), last=True)))
        if not len(rates[rate]):
            raise _too_short(path, recording.frames, recording.rate, rate)
    return list(rates.values())


def check_long_enough(path: Path, frames: int, rate: int) -> None:
    """Refuse a recording of so few samples at `rate` Hz that there is none at the lowest rate.

    Raises:
        UserError: there is none.
    """
    lowest = min(RATES.values())
    if frames * lowest < SURELY * rate and not len(Resampler(rate, lowest).push(np.zeros(frames), last=True)):
        raise _too_short(path, frames, rate, lowest)


def _too_short(path: Path, frames: int, rate: int, wanted: int) -> UserError:
    length = f"{frames} samples at {rate} Hz are none at {wanted} Hz"
    return UserError(f"{path}: is too short ({length}); mend or remove the file")


def prepare_corpus(recordings: Mapping[str, Path], files: Mapping[Path, int], corpus: str) -> None:
    """Write a corpus's recordings (key -> file) to audio files, each at its rate (Hz).

    Raises:
        UserError: a recording cannot be decoded or is too short, or its key would be taken for a copy's.
    """
    for key, path in recordings.items():
        if source_key(key) != key:
            raise UserError(f"{path}: {key!r} ends as the key of a copy does; rename the file")
    prepare(recordings, files, corpus)
