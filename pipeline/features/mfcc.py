"""MFCC: mel-frequency cepstral coefficients, `librosa.feature.mfcc` and `librosa.feature.delta`, batched in torch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, model_validator

from pipeline.features.base import Extractor, Streams, Wave
from pipeline.features.spectrum import AMIN, SpectrumParams, mel_spectrum, pad_batch, to_decibels

if TYPE_CHECKING:
    from torch import Tensor

DELTA_WIDTH = 9
"""frames of the window over which a slope is fitted, as librosa's"""


class MFCCParams(SpectrumParams):
    """Params of the MFCC."""

    n_mfcc: int = Field(13, ge=1, description="number of cepstral coefficients, counted from c0")
    energy: bool = Field(False, description="leave c0 out and append the frame's log energy (dB)")
    deltas: int = Field(0, ge=0, le=2, description="how many orders of time derivatives to append")
    pre_emphasis: float = Field(0.0, ge=0, lt=1, description="coefficient of the pre-emphasis filter; 0 for none")

    @model_validator(mode="after")
    def _enough_bands(self) -> "MFCCParams":
        if self.n_mfcc > self.n_mels:
            raise ValueError(f"n_mfcc {self.n_mfcc} is more than n_mels {self.n_mels}")
        return self


class MFCC(Extractor[MFCCParams]):
    """MFCC, optionally with energy and derivatives, stream `values` (frames, dims)."""

    name = "mfcc"
    version = "1"
    uses_torch = True
    Params = MFCCParams

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.params.frame_rate

    @property
    def dims(self) -> dict[str, int]:
        """Stream `values`: coefficients (with energy in place of c0), times 1 + deltas."""
        return {"values": self.params.n_mfcc * (1 + self.params.deltas)}

    def extract(self, waves: Sequence[Wave]) -> list[Streams]:
        """MFCC of a ragged batch."""
        import torch

        if self.params.pre_emphasis:
            waves = [emphasise(wave, self.params.pre_emphasis) for wave in waves]
        mel, counts = mel_spectrum(waves, self.params)
        cepstra = to_decibels(mel, counts, self.params.top_db) @ dct(self.params.n_mels, self.params.n_mfcc)
        if self.params.energy:
            cepstra = torch.cat([cepstra[:, 1:], frame_energy(waves, self.params)[:, None]], dim=1)
        results: list[Streams] = []
        for part in cepstra.split(counts):
            orders = [part, *(delta(part, order) for order in range(1, self.params.deltas + 1))]
            results.append({"values": torch.cat(orders, dim=1).numpy().astype(np.float32)})
        return results


def emphasise(wave: Wave, coefficient: float) -> Wave:
    """Pre-emphasis x[n] - c x[n - 1], begun as `librosa.effects.preemphasis` does, by extrapolating the first step."""
    if len(wave) < 2:
        return wave
    out = wave.copy()
    out[1:] -= coefficient * wave[:-1]
    out[0] += 2 * wave[0] - wave[1]
    return out


def dct(n_mels: int, n_mfcc: int) -> "Tensor":
    """The orthonormal DCT-II as a matrix (n_mels, n_mfcc)."""
    import torch

    angle = np.pi / n_mels * np.outer(np.arange(n_mels) + 0.5, np.arange(n_mfcc))
    matrix = np.cos(angle) * np.sqrt(2.0 / n_mels)
    matrix[:, 0] /= np.sqrt(2.0)
    return torch.from_numpy(matrix.astype(np.float32))


def frame_energy(waves: Sequence[Wave], params: MFCCParams) -> "Tensor":
    """Energy of each frame before windowing, 10 log10 of the sum of squares (dB), over all utterances: (frames,)."""
    import torch

    edge = params.n_fft // 2 if params.center else 0
    length = max(len(wave) for wave in waves)
    padded = pad_batch(waves, edge, edge + max(0, params.n_fft - 2 * edge - length))
    energy = padded.square().unfold(1, params.n_fft, params.hop_length).sum(dim=2)
    counts = [params.frames(len(wave)) for wave in waves]
    valid = torch.cat([row[:count] for row, count in zip(energy, counts, strict=True)])
    return 10 * torch.log10(valid.clamp(min=AMIN))


def delta(values: "Tensor", order: int) -> "Tensor":
    """Time derivative of (frames, dims): the Savitzky-Golay fit of `librosa.feature.delta`.

    The polynomial of degree `order` is fitted over 9 frames, at the ends over the first and the last 9. An utterance
    of fewer frames takes the widest odd window it has; below `order` + 1 frames the derivative is 0.
    """
    import torch
    from scipy.signal import savgol_coeffs

    frames = len(values)
    width = min(DELTA_WIDTH, frames - 1 + frames % 2)
    if width <= order:
        return torch.zeros_like(values)
    half = width // 2
    weights = np.stack([savgol_coeffs(width, order, deriv=order, pos=pos, use="dot") for pos in range(width)])
    matrix = torch.from_numpy(weights.astype(np.float32))
    middle = torch.einsum("tdw,w->td", values.unfold(0, width, 1), matrix[half])
    return torch.cat([matrix[:half] @ values[:width], middle, matrix[half + 1 :] @ values[-width:]])
