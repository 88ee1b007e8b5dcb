"""Log-Mel spectrograms: `librosa.power_to_db(librosa.feature.melspectrogram(...))`, in torch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.audio.samples import Signal, Wave
from pipeline.features.base import Extractor, Streams
from pipeline.features.spectrum import MelParams, decibels, mel_spectrum


class LogMelParams(MelParams):
    """Params of the log-Mel spectrogram."""

    resize: int | None = Field(None, ge=1, le=65536, description="frames every utterance is resized to, bilinearly")


class LogMel(Extractor[LogMelParams]):
    """Log-Mel spectrogram in decibels, stream `values` (frames, n_mels)."""

    name = "logmel"
    version = "2"
    uses_torch = True
    Params = LogMelParams

    @property
    def frame_rate(self) -> float:
        """Frames per second; 0 when resized, as then it differs from utterance to utterance."""
        return 0.0 if self.params.resize else self.params.frame_rate

    @property
    def first_frame(self) -> float:
        """Where the first frame is centred (s); 0 when resized."""
        return 0.0 if self.params.resize else self.params.first_frame

    def frames(self, samples: int) -> int:
        """How many frames an utterance of so many samples has: `resize`, or see `spectrum`."""
        return self.params.resize or self.params.frames(samples)

    @property
    def dims(self) -> dict[str, int]:
        """Stream `values`, n_mels wide."""
        return {"values": self.params.n_mels}

    def extract(self, waves: Sequence[Wave]) -> list[Streams]:
        """Log-Mel spectrograms (dB) of a ragged batch."""
        import torch

        with torch.inference_mode():
            return [{"values": self._extract_one(wave)} for wave in waves]

    def extract_long(self, wave: Signal) -> Streams:
        """Log-Mel spectrogram (dB) of a long utterance: the same values; its memory is that of the result."""
        import torch

        with torch.inference_mode():
            return {"values": self._extract_one(wave)}

    def _extract_one(self, wave: Signal) -> NDArray[np.float32]:
        from torch.nn.functional import interpolate

        values = decibels(mel_spectrum(wave, self.params, self.device), self.params.top_db)
        if self.params.resize:
            size = (self.params.resize, self.params.n_mels)
            values = interpolate(values[None, None], size, mode="bilinear", align_corners=False)[0, 0]
        result: NDArray[np.float32] = values.cpu().numpy()
        return result
