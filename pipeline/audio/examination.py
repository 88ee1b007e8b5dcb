"""What a recording is, by one pass over its samples: its measures, and its fingerprint."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.audio.cutting import cut
from pipeline.audio.decoding import Recording, Samples
from pipeline.audio.fingerprint import Fingerprint, Fingerprinter
from pipeline.audio.segments import Segment, Source, as_segment
from pipeline.errors import UserError

FULL = 0.999
"""magnitude from which a sample is at full scale"""


@dataclass(frozen=True)
class Measures:
    """Of one recording, as decoded.

    Attributes:
        frames: samples of each channel.
        rate: sampling rate (Hz).
        channels: how many there are.
        swing: half the range of the samples that are used, the mean of the channels, of full scale.
        loudest: half the range of the loudest channel's samples, of full scale.
        full: share of all channels' samples that are at full scale.
    """

    frames: int
    rate: int
    channels: int
    swing: float
    loudest: float
    full: float

    @property
    def seconds(self) -> float:
        """The length of the recording."""
        return self.frames / self.rate


@dataclass(frozen=True, eq=False)
class Examination:
    """Of one recording.

    Attributes:
        measures: what it measures.
        fingerprint: what it sounds like.
    """

    measures: Measures
    fingerprint: Fingerprint


def examine(source: Source) -> Examination:
    """Decode a recording once, block by block, for all that is to be known of it, or of a segment.

    Raises:
        UserError: as `decoding.Recording`, or the segment is not inside the file.
    """
    examination = examine_segments([as_segment(source)])[0]
    if isinstance(examination, UserError):
        raise examination
    return examination


def examine_segments(segments: Sequence[Segment]) -> list[Examination | UserError]:
    """Decode a recording once for what is to be known of segments, or why one is not inside the file.

    Args:
        segments: of one file, one at least.

    Raises:
        UserError: as `decoding.Recording`.
    """
    examinations: dict[int, Examination] = {}
    with Recording(segments[0].path) as recording:
        examiners: dict[int, _Examiner] = {}
        for i, block, last in cut(recording, segments):
            if i not in examiners:
                examiners[i] = _Examiner(recording)
            examiners[i].add(block)
            if last:
                examinations[i] = examiners.pop(i).examination()
        return [_problem(segment, recording) or examinations[i] for i, segment in enumerate(segments)]


def _problem(segment: Segment, recording: Recording) -> UserError | None:
    try:
        segment.check_inside(recording)
    except UserError as error:
        return error
    return None


class _Examiner:
    """Examines a segment, or all, of a recording."""

    def __init__(self, recording: Recording) -> None:
        self._rate = recording.rate
        self._ranges = _Ranges(recording.channels)
        self._fingerprinter = Fingerprinter(recording.rate)

    def add(self, block: Samples) -> None:
        if len(block):
            mono = block.mean(axis=1)
            self._ranges.add(block, mono)
            self._fingerprinter.add(mono)

    def examination(self) -> Examination:
        return Examination(self._ranges.measures(self._rate), self._fingerprinter.fingerprint())


class _Ranges:
    """The lowest and the highest sample of each channel, and of their mean as the last; and how many are at the top."""

    def __init__(self, channels: int) -> None:
        self._low, self._high = np.full(channels + 1, np.inf), np.full(channels + 1, -np.inf)
        self._full = self._frames = 0

    def add(self, block: Samples, mono: Samples) -> None:
        self._frames += len(block)
        self._full += int(np.count_nonzero(np.abs(block) >= FULL))
        columns = (*block.T, mono)  # one by one: along the short axis NumPy takes many times as long
        self._low = np.minimum(self._low, [column.min() for column in columns])
        self._high = np.maximum(self._high, [column.max() for column in columns])

    def measures(self, rate: int) -> Measures:
        swings = (self._high - self._low) / 2
        channels = len(swings) - 1
        share = self._full / max(1, self._frames * channels)
        return Measures(self._frames, rate, channels, float(swings[-1]), float(swings[:-1].max()), share)
