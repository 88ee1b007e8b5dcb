"""Audio files: the recordings of a corpus, mono and of 16 bits, as a feature file whose stream is the samples."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.atomic import scratch_file
from pipeline.audio.bad_recordings import RecordingsError
from pipeline.audio.cutting import cut
from pipeline.audio.decoding import Recording
from pipeline.audio.keys import source_key
from pipeline.audio.known_audio import KnownAudio
from pipeline.audio.samples import RATES, Resampler, to_pcm16
from pipeline.audio.segments import Segment, Source, by_file
from pipeline.errors import UserError
from pipeline.jobs.executors import in_threads, worker_count
from pipeline.jobs.progress import Progress
from pipeline.storage.atomic_writer import AtomicWriter
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.feature_writer import FeatureWriter
from pipeline.storage.header import Header, Outline
from pipeline.storage.identity import canonical_json, long_row_digest
from pipeline.storage.mapped import blocks

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
        self._header = _header(corpus, rate, self._params)
        self._keys: list[str] = []
        self._digests: list[NDArray[np.uint8]] = []
        """(rows, 32) each"""
        self._lengths: list[int] = []

    def _open(self) -> None:
        self._scratch = self._stack.enter_context(scratch_file(self._path))

    def add(self, key: str, pcm: PCM) -> None:
        """Add the next utterance."""
        self._add(key, len(pcm), [pcm.tobytes()])

    def add_waiting(self, key: str, samples: "Waiting", number: int) -> None:
        """Add the next utterance, whose samples wait as the segment of this number."""
        self._add(key, samples.length(number), samples.pieces(number))

    def add_rows(self, keys: Sequence[str], file: FeatureFile, first: int) -> None:
        """Add the next utterances, which lie together in a file that was made as this one is, from row `first` on.

        Raises:
            ValueError: it was made in another way, so that its digests are others.
        """
        made = file.header
        if (made.extractor, made.version, made.params) != ("audio", VERSION, self._params):
            raise ValueError(f"{file.label}: its samples are not those of {self._path}")
        stop = first + len(keys)
        for block in blocks(file.mapped_rows(first, stop)):
            self._scratch.write(block.tobytes())
        self._digests.append(file.digests[first:stop])
        self._keys += keys
        self._lengths += file.lengths[first:stop].tolist()

    def _add(self, key: str, length: int, pieces: Iterable[bytes]) -> None:
        parts = ("audio", VERSION, canonical_json(self._params))
        self._digests.append(long_row_digest(parts, 2 * length, self._kept(pieces))[None])
        self._keys.append(key)
        self._lengths.append(length)

    def _kept(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._scratch.write(piece)
            yield piece

    def _finish(self) -> None:
        digests = np.concatenate([np.zeros((0, 32), np.uint8), *self._digests])
        outline = Outline(self._header, self._keys, digests, {"values": 1}, {"values": np.dtype(np.int16)})
        self._scratch.seek(0)
        with FeatureWriter(self._path, outline, np.array(self._lengths, np.int64)) as writer:
            for start in range(0, sum(self._lengths), PIECE):
                samples = np.frombuffer(self._scratch.read(2 * PIECE), np.int16)
                writer.put_frames(start, "values", samples[:, None])


def _header(corpus: str, rate: int, params: Mapping[str, Any]) -> Header:
    return Header("audio", VERSION, params, rate, corpus)


class Waiting:
    """Samples of a file's segments that wait to be written: in memory, and the many of a long one in a temporary file.

    Args:
        folder: where that file is made, as the disk of temporary files may be memory.
    """

    def __init__(self, folder: Path) -> None:
        self._file = SpooledTemporaryFile(2 * PIECE, dir=str(folder))  # noqa: SIM115
        self._places: dict[int, list[tuple[int, int]]] = {}
        self._end = 0

    def length(self, number: int) -> int:
        """How many samples a segment has."""
        return sum(size for _, size in self._places.get(number, [])) // 2

    def append(self, number: int, pcm: PCM) -> None:
        """Add the next samples of a segment."""
        self._file.write(pcm.tobytes())
        self._places.setdefault(number, []).append((self._end, 2 * len(pcm)))
        self._end += 2 * len(pcm)

    def pieces(self, number: int) -> Iterator[bytes]:
        """All samples of a segment as bytes."""
        for place, size in self._places.get(number, []):
            self._file.seek(place)
            yield self._file.read(size)

    def close(self) -> None:
        """Leave nothing of the samples."""
        self._file.close()


def write_audio(path: Path, corpus: str, rate: int, rows: Iterable[tuple[str, PCM]], **params: Any) -> None:
    """Write utterances (key, 16-bit samples) at `rate` Hz as an audio file."""
    with AudioWriter(path, corpus, rate, **params) as writer:
        for key, pcm in rows:
            writer.add(key, pcm)


def prepare(
    recordings: Mapping[str, Source],
    files: Mapping[Path, int],
    corpus: str,
    workers: int | None = None,
    known: KnownAudio | None = None,
) -> None:
    """Write recordings (key -> file, or segment of one) to audio files, each at its rate (Hz).

    A file is decoded once, for all its segments, which are written together, unless all of them are `known`; several
    files are at once, by threads. Where nothing has changed, the audio files stay as they are.

    Raises:
        RecordingsError: recordings cannot be decoded, are not inside their files, or are too short to have a sample at
            a rate; nothing is written.
    """

    def decoded(part: "_Known | dict[str, Segment]") -> "_Known | _Decoded":
        if isinstance(part, _Known):
            return part
        now = _at_rates(part, {rate: Waiting(file.parent) for file, rate in files.items()})
        if known is not None and not now.problems:
            known.note(part)
        return now

    parts = _parts(recordings, known)
    if _are_made(parts, files, corpus):
        return
    bad: dict[str, str] = {}
    with ExitStack() as stack:
        writers = [stack.enter_context(AudioWriter(path, corpus, rate)) for path, rate in files.items()]
        progress = stack.enter_context(Progress(len(recordings), f"audio of {corpus}"))
        for part in in_threads(decoded, parts, worker_count(workers)):
            part.add_to(writers)
            progress.update(len(part.keys))
            bad |= part.problems
        if bad:
            raise RecordingsError({key: bad[key] for key in recordings if key in bad})


@dataclass(frozen=True)
class _Known:
    """Recordings that were decoded before, and lie one after another in the audio files of then, one for each rate."""

    keys: list[str]
    first: int
    """row of the first of them"""
    audio: Sequence[FeatureFile]
    problems: ClassVar[Mapping[str, str]] = {}

    def add_to(self, writers: Sequence[AudioWriter]) -> None:
        """Add them to the audio files that are made, one for each rate."""
        for writer, file in zip(writers, self.audio, strict=True):
            writer.add_rows(self.keys, file, self.first)


@dataclass(frozen=True)
class _Decoded:
    """Segments of one file: their samples at each rate, and key -> what is wrong of those that cannot be used."""

    keys: list[str]
    samples: list[Waiting]
    problems: Mapping[str, str]

    def add_to(self, writers: Sequence[AudioWriter]) -> None:
        """Add those that can be used to the audio files that are made; to be called once."""
        for writer, waiting in zip(writers, self.samples, strict=True):
            for number, key in enumerate(self.keys):
                if key not in self.problems:
                    writer.add_waiting(key, waiting, number)
            waiting.close()


def _parts(recordings: Mapping[str, Source], known: KnownAudio | None) -> list[_Known | dict[str, Segment]]:
    """What is to be decoded, the segments of a file together, and between them what is known."""
    parts: list[_Known | dict[str, Segment]] = []
    for segments in by_file(recordings):
        if known is not None and (rows := known.rows(segments)):
            _add_known(parts, dict(zip(segments, rows, strict=True)), known.audio)
        else:
            parts.append(segments)
    return parts


def _are_made(parts: Sequence[_Known | dict[str, Segment]], files: Mapping[Path, int], corpus: str) -> bool:
    """Whether the audio files of before are those to be made: of all these recordings, in this order."""
    if len(parts) != 1 or not isinstance(only := parts[0], _Known):
        return False
    return all(
        file.keys == only.keys and file.header == _header(corpus, rate, {"sample_rate": rate})
        for file, rate in zip(only.audio, files.values(), strict=True)
    )


def _add_known(parts: list[_Known | dict[str, Segment]], rows: Mapping[str, int], audio: Sequence[FeatureFile]) -> None:
    """Add what is known (key -> row) to the parts: to the last of them, where it lies behind it."""
    for key, row in rows.items():
        last = parts[-1] if parts else None
        if isinstance(last, _Known) and row == last.first + len(last.keys):
            last.keys.append(key)
        else:
            parts.append(_Known([key], row, audio))


def _at_rates(segments: Mapping[str, Segment], rates: Mapping[int, Waiting]) -> _Decoded:
    """Decode a file, and let its segments' samples wait at each rate (Hz)."""
    keys, parts, samples = [*segments], [*segments.values()], [*rates.values()]
    try:
        recording = _cut_at_rates(parts, rates)
    except UserError as error:
        return _Decoded(keys, samples, dict.fromkeys(keys, str(error)))
    problems: dict[str, str] = {}
    for number, (key, segment) in enumerate(segments.items()):
        try:
            segment.check_inside(recording)
            _check_some(number, segment, recording, rates)
        except UserError as error:
            problems[key] = str(error)
    return _Decoded(keys, samples, problems)


def _cut_at_rates(segments: Sequence[Segment], rates: Mapping[int, Waiting]) -> Recording:
    """Decode a file; its segments are resampled from their own first samples on, as files of their own would be."""
    resamplers: dict[int, dict[int, Resampler]] = {}
    with Recording(segments[0].path) as recording:
        for number, block, last in cut(recording, segments):
            if number not in resamplers:
                resamplers[number] = {rate: Resampler(recording.rate, rate) for rate in rates}
            mono = block.mean(axis=1)
            for rate, resampler in resamplers[number].items():
                rates[rate].append(number, to_pcm16(resampler.push(mono, last)))
            if last:
                del resamplers[number]
    return recording


def _check_some(number: int, segment: Segment, recording: Recording, rates: Mapping[int, Waiting]) -> None:
    for rate, waiting in rates.items():
        if not waiting.length(number):
            first, after = segment.samples(recording.rate)
            raise _too_short(str(segment), min(after, recording.frames) - first, recording.rate, rate)


def check_long_enough(source: Source, frames: int, rate: int) -> None:
    """Refuse a recording of so few samples at `rate` Hz that there is none at the lowest rate.

    Raises:
        UserError: there is none.
    """
    lowest = min(RATES.values())
    if frames * lowest < SURELY * rate and not len(Resampler(rate, lowest).push(np.zeros(frames), last=True)):
        raise _too_short(str(source), frames, rate, lowest)


def _too_short(name: str, frames: int, rate: int, wanted: int) -> UserError:
    length = f"{frames} samples at {rate} Hz are none at {wanted} Hz"
    return UserError(f"{name}: is too short ({length}); mend or remove the file")


def prepare_corpus(
    recordings: Mapping[str, Source], files: Mapping[Path, int], corpus: str, known: KnownAudio | None = None
) -> None:
    """Write a corpus's recordings (key -> file, or segment of one) to audio files, each at its rate (Hz).

    What is `known` of them is not decoded, and is what they are then known by.

    Raises:
        UserError: a recording cannot be decoded or is too short, or its key would be taken for a copy's.
    """
    for key, source in recordings.items():
        if source_key(key) != key:
            raise UserError(f"{source}: {key!r} ends as the key of a copy does; rename the file")
    prepare(recordings, files, corpus, known=known)
    if known is not None:
        known.keep()
