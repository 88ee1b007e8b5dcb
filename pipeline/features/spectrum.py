"""Power spectra of a ragged batch, and the one rule for how many frames an utterance has.

With `center`, frame t is centred on sample t * hop_length and the utterance is surrounded by zeros:
1 + samples // hop_length frames. Without, frame t starts at sample t * hop_length and lies wholly inside the
utterance: 1 + (samples - n_fft) // hop_length frames; one shorter than a frame is extended with zeros to one frame.
Both are librosa's (`librosa.stft`, `pad_mode="constant"`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, model_validator

from pipeline.features.base import FeatureParams, Wave

if TYPE_CHECKING:
    from torch import Tensor

AMIN = 1e-10
"""power floor before a logarithm, as librosa's"""


class SpectrumParams(FeatureParams):
    """Params of everything that begins with a mel spectrum."""

    n_fft: int = Field(2048, ge=16, multiple_of=2, description="length of the Fourier transform (samples)")
    win_length: int | None = Field(None, ge=1, description="length of the window (samples); default n_fft")
    hop_length: int = Field(512, ge=1, description="step between frames (samples)")
    window: Literal["hann", "hamming"] = Field("hann", description="window function, periodic")
    center: bool = Field(True, description="centre frames on multiples of hop_length, with zeros around the utterance")
    n_mels: int = Field(128, ge=1, description="number of mel bands")
    f_min: float = Field(0.0, ge=0, description="lowest frequency of the mel bands (Hz)")
    f_max: float | None = Field(
        None, gt=0, description="highest frequency of the mel bands (Hz); default half the rate"
    )
    htk: bool = Field(False, description="HTK's mel formula instead of Slaney's")
    power: float = Field(2.0, gt=0, description="exponent of the magnitude: 1 amplitude, 2 power")
    top_db: float | None = Field(80.0, gt=0, description="range kept below an utterance's loudest value (dB)")

    @model_validator(mode="after")
    def _fits(self) -> "SpectrumParams":
        if self.win_length is not None and self.win_length > self.n_fft:
            raise ValueError(f"win_length {self.win_length} is longer than n_fft {self.n_fft}")
        half = self.sample_rate / 2
        f_max = half if self.f_max is None else self.f_max
        if not self.f_min < f_max <= half:
            raise ValueError(f"f_max {f_max} must lie above f_min {self.f_min} and not above half the sample_rate")
        return self

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop_length

    def frames(self, samples: int) -> int:
        """Number of frames of an utterance of so many samples."""
        if self.center:
            return 1 + samples // self.hop_length
        return 1 + max(0, samples - self.n_fft) // self.hop_length


def pad_batch(waves: Sequence[Wave], before: int, after: int) -> "Tensor":
    """Stack waves, with zeros before and after, into (batch, longest + before + after)."""
    import torch

    longest = max(len(wave) for wave in waves)
    batch = torch.zeros(len(waves), before + longest + after)
    for row, wave in zip(batch, waves, strict=True):
        row[before : before + len(wave)] = torch.from_numpy(np.ascontiguousarray(wave))
    return batch


def mel_spectrum(waves: Sequence[Wave], params: SpectrumParams) -> "tuple[Tensor, list[int]]":
    """Mel spectra of a ragged batch: the valid frames of all utterances, (sum of frames, n_mels), and their counts."""
    import librosa
    import torch

    counts = [params.frames(len(wave)) for wave in waves]
    edge = params.n_fft // 2 if params.center else 0
    short = params.n_fft - 2 * edge - max(len(wave) for wave in waves)
    win_length = params.win_length or params.n_fft
    make_window = torch.hann_window if params.window == "hann" else torch.hamming_window
    spectrum = torch.stft(
        pad_batch(waves, edge, edge + max(0, short)),
        params.n_fft,
        params.hop_length,
        win_length,
        make_window(win_length),
        center=False,
        return_complex=True,
    )
    valid = torch.cat([rows[:, :count].T for rows, count in zip(spectrum, counts, strict=True)])
    magnitude = valid.real.square() + valid.imag.square()
    if params.power != 2:
        magnitude = magnitude.pow(params.power / 2)
    bank = librosa.filters.mel(
        sr=params.sample_rate,
        n_fft=params.n_fft,
        n_mels=params.n_mels,
        fmin=params.f_min,
        fmax=params.f_max,
        htk=params.htk,
    )
    return magnitude @ torch.from_numpy(bank).T, counts


def to_decibels(power: "Tensor", counts: Sequence[int], top_db: float | None) -> "Tensor":
    """10 log10 of the frames of several utterances, each cut at `top_db` below its own maximum."""
    import torch

    decibels = 10 * torch.log10(power.clamp(min=AMIN))
    if top_db is None:
        return decibels
    parts = decibels.split(list(counts))
    return torch.cat([part.clamp(min=float(part.max()) - top_db) for part in parts])
