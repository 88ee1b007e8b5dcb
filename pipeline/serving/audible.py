"""Whether there is anything to hear in recordings that are asked about as a whole."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.bad_recordings import RecordingsError
from pipeline.audio.cutting import cut
from pipeline.audio.decoding import Recording
from pipeline.audio.samples import FULL_SCALE
from pipeline.audio.segments import Segment, Source, by_file
from pipeline.errors import UserError
from pipeline.jobs.executors import in_threads, worker_count
from pipeline.serving.windows import SHORTEST_WINDOW

SILENCE = 1e-3
"""half the range of samples below which there is nothing to hear: -60 dB of full scale, as of a corpus's recordings"""


class Loudness:
    """How far samples go to either side of their middle, which may be off 0; full scale is 1."""

    def __init__(self) -> None:
        self._low, self._high = np.inf, -np.inf

    def add(self, samples: NDArray[np.floating[Any]]) -> None:
        """Hear more samples (n,)."""
        if len(samples):
            self._low, self._high = min(self._low, float(samples.min())), max(self._high, float(samples.max()))

    @property
    def is_silent(self) -> bool:
        """Whether nothing can be heard of them."""
        return (self._high - self._low) / 2 < SILENCE


def silent(recordings: Mapping[str, Source], workers: int | None = None) -> list[str]:
    """What to say of the recordings (key -> file, or segment of one) that are silent, a line each.

    Each is decoded up to where something is heard.

    Args:
        recordings: key -> file, or segment of one.
        workers: files that are decoded at once.

    Raises:
        RecordingsError: some cannot be decoded, or are shorter than a window can be.
    """
    lines: list[str] = []
    bad: dict[str, str] = {}
    groups = by_file(recordings)
    for segments, found in zip(groups, in_threads(_heard, groups, worker_count(workers)), strict=True):
        for key, loudness in zip(segments, found, strict=True):
            if isinstance(loudness, UserError):
                bad[key] = str(loudness)
            elif loudness.is_silent:
                lines.append(silence(str(segments[key])))
    if bad:
        raise RecordingsError({key: bad[key] for key in recordings if key in bad})
    return lines


def is_silent(samples: NDArray[np.int16]) -> bool:
    """Whether nothing can be heard of 16-bit samples (n,)."""
    loudness = Loudness()
    loudness.add(samples / FULL_SCALE)
    return loudness.is_silent


def silence(name: str) -> str:
    """What to say of a silent recording."""
    return f"{name}: is silent; what is said of it means nothing"


def _heard(segments: Mapping[str, Segment]) -> Sequence[Loudness | UserError]:
    """How loud each segment of a file is, up to where it is surely heard; or why it cannot be asked about."""
    wanted = list(segments.values())
    try:
        with Recording(wanted[0].path) as recording:
            return [*_judged(recording, wanted)]
    except UserError as error:
        return [error] * len(wanted)


def _judged(recording: Recording, segments: Sequence[Segment]) -> Iterator[Loudness | UserError]:
    frames, heard = [0] * len(segments), [Loudness() for _ in segments]
    for number, block, _ in cut(recording, segments):
        frames[number] += len(block)
        heard[number].add(block.mean(axis=1))
        if all(map(_is_heard, frames, heard, [recording.rate] * len(segments))):
            break
    for segment, count, loudness in zip(segments, frames, heard, strict=True):
        # Of none at all the model's own reader says why.
        yield _too_short(segment, count, recording.rate) if 0 < count < _least(recording.rate) else loudness


def _is_heard(frames: int, loudness: Loudness, rate: int) -> bool:
    return frames >= _least(rate) and not loudness.is_silent


def _least(rate: int) -> int:
    """Samples of a recording, at `rate` Hz."""
    return round(SHORTEST_WINDOW * rate)


def _too_short(segment: Segment, frames: int, rate: int) -> UserError:
    return UserError(f"{segment}: is too short ({frames / rate:.3g} s); give at least {SHORTEST_WINDOW:g} s")
