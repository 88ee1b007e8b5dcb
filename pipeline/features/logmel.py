"""Log-Mel spectrograms: `librosa.power_to_db(librosa.feature.melspectrogram(...))`, batched in torch."""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from pipeline.features.base import Extractor, Streams, Wave
from pipeline.features.spectrum import SpectrumParams, mel_spectrum, to_decibels


class LogMelParams(SpectrumParams):
    """Params of the log-Mel spectrogram."""

    resize: int | None = Field(None, ge=1, description="frames every utterance is resized to, bilinearly")


class LogMel(Extractor[LogMelParams]):
    """Log-Mel spectrogram in decibels, stream `values` (frames, n_mels)."""

    name = "logmel"
    version = "1"
    uses_torch = True
    Params = LogMelParams

    @property
    def frame_rate(self) -> float:
        """Frames per second; 0 when resized, as then it differs from utterance to utterance."""
        return 0.0 if self.params.resize else self.params.frame_rate

    @property
    def dims(self) -> dict[str, int]:
        """Stream `values`, n_mels wide."""
        return {"values": self.params.n_mels}

    def extract(self, waves: Sequence[Wave]) -> list[Streams]:
        """Log-Mel spectrograms (dB) of a ragged batch."""
        import torch

        mel, counts = mel_spectrum(waves, self.params)
        parts = to_decibels(mel, counts, self.params.top_db).split(counts)
        if self.params.resize:
            size = (self.params.resize, self.params.n_mels)
            parts = tuple(
                torch.nn.functional.interpolate(part[None, None], size, mode="bilinear", align_corners=False)[0, 0]
                for part in parts
            )
        return [{"values": part.numpy().astype(np.float32)} for part in parts]
