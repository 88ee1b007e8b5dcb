"""What is done to a waveform before its features are computed, as modules that can be traced."""

from typing import Any

import torch
from torch import Tensor, nn

from pipeline.audio.samples import FULL_SCALE
from pipeline.features.base import FeatureParams


class Rounded(nn.Module):
    """Samples as a 16-bit recording has them: `to_float` of `to_pcm16`."""

    def forward(self, wave: Tensor) -> Tensor:
        """(1, n) -> (1, n), in [-1, 1)."""
        return (wave * FULL_SCALE).round().clamp(-FULL_SCALE, FULL_SCALE - 1) / FULL_SCALE


class Fitted(nn.Module):
    """The waveform clipped and extended as an extractor's params say; see `features.length.fit`."""

    def __init__(self, params: FeatureParams) -> None:
        super().__init__()
        self.clip = None if params.clip is None else round(params.clip * params.sample_rate)
        self.pad_to = 0 if params.pad_to is None else round(params.pad_to * params.sample_rate)
        self.repeats = params.pad == "repeat"

    def forward(self, wave: Tensor) -> Tensor:
        """(1, n) -> (1, m)."""
        if self.pad_to:
            wave = repeated(wave, self.pad_to) if self.repeats else extended(wave, self.pad_to)
        return wave if self.clip is None else wave[:, : self.clip]


def length(wave: Tensor) -> Tensor:
    """How many samples (1, n) has, as a tensor: a number would be that of the traced waveform for good."""
    return torch.ones_like(wave[0], dtype=torch.int64).sum()


def numbered(count: Any) -> Tensor:
    """0, 1, ... of so many, which is a tensor; a trace follows it, though the types of torch ask for a number."""
    return torch.arange(count)


def extended(wave: Tensor, least: int) -> Tensor:
    """(1, n) with zeros after it up to `least` samples."""
    samples = length(wave)
    place = numbered(samples.clamp(min=least))
    return wave[:, place.clamp(max=samples - 1)] * (place < samples)


def repeated(wave: Tensor, least: int) -> Tensor:
    """(1, n) with as many whole copies after it as reach `least` samples."""
    samples = length(wave)
    copies = ((samples + least - 1) // samples).clamp(min=1)
    return wave[:, numbered(copies * samples) % samples]
