"""Log-Mels, MFCC and spectrograms of `pipeline.features`, as modules that can be traced.

A Fourier transform whose length is a power of two is ONNX's STFT in double precision, which agrees with ours to 1e-5
dB and needs no weights. ONNX Runtime computes others as slowly as they can be, so these are a convolution with the
windowed sines and cosines, in single precision: to 0.002 dB within 80 dB of the loudest bin, and a hundred times
faster. Filters and cosines are convolutions too, so that int8, which is for products of matrices, leaves them alone.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pipeline.features.logmel import LogMelParams
from pipeline.features.mel_filters import mel_filters
from pipeline.features.mfcc import DELTA_WIDTH, MFCCParams, dct, delta
from pipeline.features.spectrum import AMIN, FrameParams, MelParams, SpectrumParams
from pipeline.serving.onnx.waveform import extended, length, numbered

Streams = dict[str, Tensor]
"""stream -> (1, frames, dims)"""


def framed(wave: Tensor, params: FrameParams) -> Tensor:
    """The waveform (1, n) with the zeros around it that its frames have."""
    if params.center:
        return F.pad(wave, (params.n_fft // 2, params.n_fft // 2))
    return extended(wave, params.n_fft)


class Spectrum(nn.Module):
    """Magnitudes to `power`."""

    def __init__(self, params: SpectrumParams) -> None:
        super().__init__()
        self.params = params
        self.is_fast = params.n_fft & (params.n_fft - 1) == 0
        window = _window(params)
        self.register_buffer("window", window if self.is_fast else _windowed_waves(window))
        self.window: Tensor

    def forward(self, wave: Tensor) -> Tensor:
        """(1, n) -> (1, 1 + n_fft / 2, frames)."""
        squares = self._squares(framed(wave, self.params))
        return squares if self.params.power == 2 else squares.pow(self.params.power / 2)

    def _squares(self, wave: Tensor) -> Tensor:
        size, hop = self.params.n_fft, self.params.hop_length
        if self.is_fast:
            parts = torch.stft(
                wave.double(), size, hop, window=self.window, center=False, onesided=True, return_complex=False
            )
            return parts.float().square().sum(dim=-1)
        real, imaginary = F.conv1d(wave[:, None], self.window, stride=hop).chunk(2, dim=1)
        return real.square() + imaginary.square()


def _window(params: FrameParams) -> Tensor:
    """The periodic window in double precision, zeros on either side up to n_fft."""
    make = torch.hann_window if params.window == "hann" else torch.hamming_window
    width = params.win_length or params.n_fft
    left = (params.n_fft - width) // 2
    return F.pad(make(width, dtype=torch.float64), (left, params.n_fft - width - left))


def _windowed_waves(window: Tensor) -> Tensor:
    """Cosines and sines of a Fourier transform times the window: (2 + n_fft, 1, n_fft)."""
    size = len(window)
    turns = torch.outer(torch.arange(size // 2 + 1), torch.arange(size)) % size
    angle = turns.double() * (2 * np.pi / size)
    return (torch.cat([angle.cos(), angle.sin()]) * window).float()[:, None]


class LogMel(nn.Module):
    """The features of `pipeline.features.logmel`, or of one that begins with them."""

    def __init__(self, params: MelParams) -> None:
        super().__init__()
        self.spectrum, self.params = Spectrum(params), params
        bank = mel_filters(params.sample_rate, params.n_fft, params.n_mels, params.f_min, params.f_max, params.htk)
        self.register_buffer("bank", torch.from_numpy(bank)[..., None])
        self.bank: Tensor

    def decibels(self, wave: Tensor) -> Tensor:
        """(1, n) -> (1, n_mels, frames)."""
        return _decibels(F.conv1d(self.spectrum(wave), self.bank), self.params.top_db)

    def forward(self, wave: Tensor) -> Streams:
        """(1, n) -> `values` (1, frames, n_mels)."""
        values = self.decibels(wave).transpose(1, 2)
        if isinstance(self.params, LogMelParams) and self.params.resize:
            size = (self.params.resize, self.params.n_mels)
            values = F.interpolate(values[:, None], size, mode="bilinear", align_corners=False)[:, 0]
        return {"values": values}


def _decibels(power: Tensor, top_db: float | None) -> Tensor:
    values = 10 * power.clamp(min=AMIN).log10()
    return values if top_db is None else torch.maximum(values, values.max() - top_db)


class STFT(nn.Module):
    """The features of `pipeline.features.stft`."""

    def __init__(self, params: SpectrumParams) -> None:
        super().__init__()
        self.spectrum, self.params = Spectrum(params), params

    def forward(self, wave: Tensor) -> Streams:
        """(1, n) -> `values` (1, frames, 1 + n_fft / 2)."""
        return {"values": _decibels(self.spectrum(wave), self.params.top_db).transpose(1, 2)}


class MFCC(LogMel):
    """The features of `pipeline.features.mfcc`."""

    def __init__(self, params: MFCCParams) -> None:
        super().__init__(params)
        self.settings = params
        self.register_buffer("cosines", dct(params.n_mels, params.n_mfcc).T[..., None].contiguous())
        self.slopes = nn.ModuleList(Slope(order) for order in range(1, params.deltas + 1))
        self.cosines: Tensor

    def forward(self, wave: Tensor) -> Streams:
        """(1, n) -> `values` (1, frames, dims)."""
        if self.settings.pre_emphasis:
            wave = emphasised(wave, self.settings.pre_emphasis)
        cepstra = F.conv1d(self.decibels(wave), self.cosines)
        if self.settings.energy:
            cepstra = torch.cat([cepstra[:, 1:], self._energy(wave)], dim=1)
        slopes = [slope(cepstra) for slope in self.slopes]
        return {"values": torch.cat([cepstra, *slopes], dim=1).transpose(1, 2)}

    def _energy(self, wave: Tensor) -> Tensor:
        """(1, n) -> (1, 1, frames), dB."""
        ones = torch.ones(1, 1, self.settings.n_fft)
        return _decibels(
            F.conv1d(framed(wave, self.settings).square()[:, None], ones, stride=self.settings.hop_length), None
        )


def emphasised(wave: Tensor, coefficient: float) -> Tensor:
    """`spectrum.emphasise` of (1, n)."""
    first, second = wave[:, :1], wave[:, :2][:, -1:]
    start = torch.where(length(wave) < 2, first, 3 * first - second)
    return torch.cat([start, wave[:, 1:] - coefficient * wave[:, :-1]], dim=1)


class Slope(nn.Module):
    """`mfcc.delta` of one order; of fewer frames than its window by a table of what each of them counts."""

    def __init__(self, order: int) -> None:
        super().__init__()
        few = np.zeros((DELTA_WIDTH + 1, DELTA_WIDTH, DELTA_WIDTH), np.float32)
        for frames in range(1, DELTA_WIDTH + 1):
            few[frames, :frames, :frames] = delta(torch.eye(frames), order).numpy()
        self.register_buffer("few", torch.from_numpy(few))
        self.few: Tensor

    def forward(self, values: Tensor) -> Tensor:
        """(1, dims, frames) -> (1, dims, frames)."""
        frames = length(values[0])
        places = numbered(frames.clamp(min=DELTA_WIDTH))
        padded = F.pad(values, (0, DELTA_WIDTH))[:, :, places]
        few = padded[:, :, :DELTA_WIDTH] @ self.few[frames.clamp(max=DELTA_WIDTH)].T
        short = few[:, :, places.clamp(max=DELTA_WIDTH - 1)]
        return torch.where(frames < DELTA_WIDTH, short, self._of_many(padded))[:, :, numbered(frames)]

    def _of_many(self, values: Tensor) -> Tensor:
        """Of as many frames as the window has, or more."""
        half, whole = DELTA_WIDTH // 2, self.few[-1]
        middle = F.conv1d(values.transpose(0, 1), whole[half][None, None]).transpose(0, 1)
        first, last = values[:, :, :DELTA_WIDTH] @ whole[:half].T, values[:, :, -DELTA_WIDTH:] @ whole[half + 1 :].T
        return torch.cat([first, middle, last], dim=2)
