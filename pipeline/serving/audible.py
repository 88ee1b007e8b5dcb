"""Whether there is anything to hear in recordings that are asked about as a whole."""

from collections.abc import Iterator, Mapping, Sequence

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
"""peak below which there is nothing to hear: -60 dB of full scale, as voice activity has it"""


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
    for segments, peaks in zip(groups, in_threads(_heard, groups, worker_count(workers)), strict=True):
        for key, peak in zip(segments, peaks, strict=True):
            if isinstance(peak, UserError):
                bad[key] = str(peak)
            elif is_silent(peak):
                lines.append(silence(str(segments[key])))
    if bad:
        raise RecordingsError({key: bad[key] for key in recordings if key in bad})
    return lines


def peak(samples: NDArray[np.int16]) -> float:
    """How far 16-bit samples go from 0; full scale is 1."""
    return float(np.abs(samples / FULL_SCALE).max(initial=0))


def is_silent(peak: float) -> bool:
    """Whether nothing can be heard of samples up to this (full scale is 1)."""
    return peak < SILENCE


def silence(name: str) -> str:
    """What to say of a silent recording."""
    return f"{name}: is silent; what is said of it means nothing"


def _heard(segments: Mapping[str, Segment]) -> Sequence[float | UserError]:
    """How loud each segment of a file is, up to where it is surely heard; or why it cannot be asked about."""
    wanted = list(segments.values())
    try:
        with Recording(wanted[0].path) as recording:
            return [*_judged(recording, wanted)]
    except UserError as error:
        return [error] * len(wanted)


def _judged(recording: Recording, segments: Sequence[Segment]) -> Iterator[float | UserError]:
    frames, peaks = [0] * len(segments), [0.0] * len(segments)
    for number, block, _ in cut(recording, segments):
        frames[number] += len(block)
        peaks[number] = max(peaks[number], float(np.abs(block.mean(axis=1)).max(initial=0)))
        if all(map(_is_heard, frames, peaks, [recording.rate] * len(segments))):
            break
    for segment, count, peak in zip(segments, frames, peaks, strict=True):
        # Of none at all the model's own reader says why.
        yield _too_short(segment, count, recording.rate) if 0 < count < _least(recording.rate) else peak


def _is_heard(frames: int, peak: float, rate: int) -> bool:
    return frames >= _least(rate) and not is_silent(peak)


def _least(rate: int) -> int:
    """Samples of a recording, at `rate` Hz."""
    return round(SHORTEST_WINDOW * rate)


def _too_short(segment: Segment, frames: int, rate: int) -> UserError:
    return UserError(f"{segment}: is too short ({frames / rate:.3g} s); give at least {SHORTEST_WINDOW:g} s")
