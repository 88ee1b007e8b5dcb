"""What a recording is, by one pass over its samples: its measures, and its fingerprint."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.audio.decoding import Recording, Samples
from pipeline.audio.fingerprint import Fingerprint, Fingerprinter

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


def examine(path: Path) -> Examination:
    """Decode a recording once, block by block, for all that is to be known of it.

    Raises:
        UserError: as `decoding.Recording`.
    """
    with Recording(path) as recording:
        ranges = _Ranges(recording.channels)
        fingerprinter = Fingerprinter(recording.rate)
        for block in recording.blocks():
            mono = block.mean(axis=1)
            ranges.add(block, mono)
            fingerprinter.add(mono)
        return Examination(ranges.measures(recording), fingerprinter.fingerprint())


class _Ranges:
    """The lowest and the highest sample of each channel, and of their mean as the last; and how many are at the top."""

    def __init__(self, channels: int) -> None:
        self._low, self._high = np.full(channels + 1, np.inf), np.full(channels + 1, -np.inf)
        self._full = 0

    def add(self, block: Samples, mono: Samples) -> None:
        self._full += int(np.count_nonzero(np.abs(block) >= FULL))
        columns = (*block.T, mono)  # one by one: along the short axis NumPy takes many times as long
        self._low = np.minimum(self._low, [column.min() for column in columns])
        self._high = np.maximum(self._high, [column.max() for column in columns])

    def measures(self, recording: Recording) -> Measures:
        swings = (self._high - self._low) / 2
        share = self._full / (recording.frames * recording.channels)
        size = (recording.frames, recording.rate, recording.channels)
        return Measures(*size, float(swings[-1]), float(swings[:-1].max()), share)
