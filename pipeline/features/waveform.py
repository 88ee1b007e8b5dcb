"""The waveform itself, for systems that begin with it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pipeline.audio.samples import Signal, Wave, slices, to_pcm16
from pipeline.features.base import Extractor, FeatureParams, Streams

BLOCK = 1 << 20
"""samples of a long utterance that are given at once"""


class WaveformParams(FeatureParams):
    """Params of the waveform: those that every extractor has."""


class Waveform(Extractor[WaveformParams]):
    """Waveform, 16-bit samples as in the audio file: stream `values` (samples, 1); divide by 32768 for [-1, 1)."""

    name = "waveform"
    version = "1"
    Params = WaveformParams

    @property
    def frame_rate(self) -> float:
        """Samples per second: a frame is a sample."""
        return float(self.params.sample_rate)

    def frames(self, samples: int) -> int:
        """As many as there are samples."""
        return samples

    @property
    def dims(self) -> dict[str, int]:
        """Stream `values`, 1 wide."""
        return {"values": 1}

    @property
    def dtypes(self) -> dict[str, np.dtype[Any]]:
        """16-bit integers."""
        return {"values": np.dtype(np.int16)}

    def extract(self, waves: Sequence[Wave]) -> list[Streams]:
        """The samples of each utterance; exact, as float32 holds every 16-bit sample."""
        return [{"values": to_pcm16(wave.astype(np.float64))[:, None]} for wave in waves]

    def extract_long(self, wave: Signal) -> Iterator[Streams]:
        """The samples of a long utterance, `BLOCK` at a time."""
        for block in slices(wave, BLOCK):
            yield self.extract([block])[0]
