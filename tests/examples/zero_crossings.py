"""Zero-crossing rate: how often the waveform changes its sign, frame by frame."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from pipeline.audio.samples import Wave
from pipeline.features.base import Extractor, FeatureParams, Streams


class ZeroCrossingsParams(FeatureParams):
    """Params of the zero-crossing rate."""

    frame_length: int = Field(400, ge=2, description="length of a frame (samples)")
    hop_length: int = Field(160, ge=1, description="step between frames (samples)")


class ZeroCrossings(Extractor[ZeroCrossingsParams]):
    """Zero-crossing rate (1/s), stream `values` (frames, 1)."""

    name = "zero_crossings"
    version = "1"  # raise it when the values change
    Params = ZeroCrossingsParams

    @property
    def frame_rate(self) -> float:
        """Frames per second; 0 would mean one row per utterance."""
        return self.params.sample_rate / self.params.hop_length

    @property
    def first_frame(self) -> float:
        """Where the first frame is centred (s)."""
        return self.params.frame_length / 2 / self.params.sample_rate

    @property
    def dims(self) -> dict[str, int]:
        """Stream `values`, 1 wide."""
        return {"values": 1}

    def frames(self, samples: int) -> int:
        """How many frames so many samples have: those that lie wholly inside, 1 at least."""
        return 1 + max(0, samples - self.params.frame_length) // self.params.hop_length

    def extract(self, waves: Sequence[Wave]) -> list[Streams]:
        """Zero-crossing rates of a ragged batch; each wave is (samples,) in [-1, 1)."""
        return [{"values": self._rates(wave)} for wave in waves]

    def _rates(self, wave: Wave) -> np.ndarray:
        length = self.params.frame_length
        negative = np.pad(np.signbit(wave), (0, max(0, length - len(wave))))
        frames = np.lib.stride_tricks.sliding_window_view(negative, length)[:: self.params.hop_length]
        crossings = np.count_nonzero(frames[:, 1:] != frames[:, :-1], axis=1)
        return (crossings * self.params.sample_rate / length).astype(np.float32)[:, None]
