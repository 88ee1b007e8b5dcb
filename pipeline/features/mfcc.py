"""MFCC: mel-frequency cepstral coefficients, `librosa.feature.mfcc` and `librosa.feature.delta`, in torch."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pipeline.audio.samples import Wave
from pipeline.features.base import Streams
from pipeline.features.spectrum import AMIN, FramedExtractor, MelParams, decibels, emphasise, mel_spectrum, padded

if TYPE_CHECKING:
    from torch import Tensor

DELTA_WIDTH = 9
"""frames of the window over which a slope is fitted, as librosa's"""


class MFCCParams(MelParams):
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


class MFCC(FramedExtractor[MFCCParams]):
    """MFCC, optionally with energy and derivatives, stream `values` (frames, dims)."""

    name = "mfcc"
    version = "2"
    uses_torch = True
    Params = MFCCParams

    @property
    def dims(self) -> dict[str, int]:
        """Stream `values`: coefficients (with energy in place of c0), times 1 + deltas."""
        return {"values": self.params.n_mfcc * (1 + self.params.deltas)}

    def extract(self, waves: Sequence[Wave]) -> list[Streams]:
        """MFCC of a ragged batch."""
        import torch

        with torch.inference_mode():
            return [{"values": self._extract_one(wave)} for wave in waves]

    def _extract_one(self, wave: Wave) -> NDArray[np.float32]:
        import torch

        params = self.params
        if params.pre_emphasis:
            wave = emphasise(wave, params.pre_emphasis)
        mel = decibels(mel_spectrum(wave, params, self.device), params.top_db)
        cepstra = mel @ dct(params.n_mels, params.n_mfcc, str(self.device))
        if params.energy:
            cepstra = torch.cat([cepstra[:, 1:], frame_energy(wave, params, self.device)[:, None]], dim=1)
        orders = [cepstra, *(delta(cepstra, order) for order in range(1, params.deltas + 1))]
        result: NDArray[np.float32] = torch.cat(orders, dim=1).cpu().numpy()
        return result


@lru_cache(maxsize=16)
def dct(n_mels: int, n_mfcc: int, device: str = "cpu") -> "Tensor":
    """The orthonormal DCT-II as a matrix (n_mels, n_mfcc)."""
    import torch

    angle = np.pi / n_mels * np.outer(np.arange(n_mels) + 0.5, np.arange(n_mfcc))
    matrix = np.cos(angle) * np.sqrt(2.0 / n_mels)
    matrix[:, 0] /= np.sqrt(2.0)
    return torch.from_numpy(matrix.astype(np.float32)).to(device)


def frame_energy(wave: Wave, params: MFCCParams, device: str = "cpu") -> "Tensor":
    """Energy of each frame of an utterance before windowing, 10 log10 of the sum of squares (dB): (frames,)."""
    import torch

    squares = padded(wave, params, torch.float64, device).square_()
    energy = squares.unfold(0, params.n_fft, params.hop_length).sum(dim=1)
    return energy.clamp_(min=AMIN).log10_().mul_(10).float()


def delta(values: "Tensor", order: int) -> "Tensor":
    """Time derivative of (frames, dims): the Savitzky-Golay fit of `librosa.feature.delta`.

    The polynomial of degree `order` is fitted over 9 frames, at the ends over the first and the last 9. An utterance
    of fewer frames takes the widest odd window it has; below `order` + 1 frames the derivative is 0.
    """
    import torch

    frames = len(values)
    width = min(DELTA_WIDTH, frames - 1 + frames % 2)
    if width <= order:
        return torch.zeros_like(values)
    half = width // 2
    weights = _slope_weights(width, order, str(values.device))
    middle = values.unfold(0, width, 1) @ weights[half]
    return torch.cat([weights[:half] @ values[:width], middle, weights[half + 1 :] @ values[-width:]])


@lru_cache(maxsize=16)
def _slope_weights(width: int, order: int, device: str) -> "Tensor":
    """Weights of `width` frames in the derivative at each of them: (width, width)."""
    import torch
    from scipy.signal import savgol_coeffs

    weights = np.stack([savgol_coeffs(width, order, deriv=order, pos=pos, use="dot") for pos in range(width)])
    return torch.from_numpy(weights.astype(np.float32)).to(device)
