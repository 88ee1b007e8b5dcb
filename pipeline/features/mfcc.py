"""MFCC: mel-frequency cepstral coefficients, `librosa.feature.mfcc` and `librosa.feature.delta`, in torch."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from math import factorial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pipeline.arithmetic import exact_log10
from pipeline.audio.samples import Signal, Wave
from pipeline.features.base import Streams
from pipeline.features.mel_spectrum import mel_spectrum
from pipeline.features.spectrum import (
    AMIN,
    Emphasised,
    FramedExtractor,
    MelParams,
    decibel_pieces,
    reblocked,
    segments,
    to_decibels,
)

if TYPE_CHECKING:
    from torch import Tensor

DELTA_WIDTH = 9
"""frames of the window over which a slope is fitted, as librosa's"""

BLOCK = 1 << 12
"""frames of a long utterance that are completed at once, no fewer than `DELTA_WIDTH`"""


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
    version = "3"
    uses_torch = True
    Params = MFCCParams

    @property
    def dims(self) -> dict[str, int]:
        """Stream `values`: coefficients (with energy in place of c0), times 1 + deltas."""
        return {"values": self.params.n_mfcc * (1 + self.params.deltas)}

    def extract(self, waves: Sequence[Wave]) -> list[Streams]:
        """MFCC of a ragged batch."""
        import torch

        mels, signals = mel_spectrum(self.params, self.device), [self._emphasised(wave) for wave in waves]
        with torch.inference_mode():
            powers, counts = mels.together(signals)
            parts = to_decibels(powers, counts, self.params.top_db).split(counts) if waves else ()
            return [{"values": self._of(mel, signal)} for mel, signal in zip(parts, signals, strict=True)]

    def _of(self, mel: "Tensor", signal: Signal) -> NDArray[np.float32]:
        """MFCC of an utterance and its mel spectrum in decibels."""
        cepstra = _to_cepstra(mel, self.params.n_mfcc)
        if self.params.energy:
            cepstra = _with_energy(cepstra, frame_energy(signal, self.params, self.device))
        result: NDArray[np.float32] = self._with_deltas(cepstra).cpu().numpy()
        return result

    def _emphasised(self, wave: Signal) -> Signal:
        return Emphasised(wave, self.params.pre_emphasis) if self.params.pre_emphasis else wave

    def extract_long(self, wave: Signal) -> Iterator[Streams]:
        """MFCC of a long utterance, whose mel spectrum is computed twice: for its maximum, and piece by piece."""
        for rows, before, after in _overlapping(self._cepstra(self._emphasised(wave)), DELTA_WIDTH - 1):
            completed = self._with_deltas(rows)[before : len(rows) - after]
            yield {"values": completed.cpu().numpy()}

    def _cepstra(self, wave: Signal) -> "Iterator[Tensor]":
        """Cepstra of a long utterance, with energy as the params ask: blocks of (`BLOCK`, n_mfcc)."""
        params, mels = self.params, mel_spectrum(self.params, self.device)
        pieces = decibel_pieces(lambda: mels.pieces(wave), params.top_db)
        cepstra = reblocked((_to_cepstra(mel, params.n_mfcc) for mel in pieces), BLOCK)
        if not params.energy:
            return cepstra
        sums = reblocked(_squared_sums_of(wave, params, self.device), BLOCK)
        return (_with_energy(*both) for both in zip(cepstra, map(_energy, sums), strict=True))

    def _with_deltas(self, cepstra: "Tensor") -> "Tensor":
        """Cepstra (frames, n_mfcc) with as many orders of derivatives as the params ask."""
        import torch

        if not self.params.deltas:
            return cepstra
        return torch.cat([cepstra, *(delta(cepstra, order) for order in range(1, self.params.deltas + 1))], dim=1)


def _to_cepstra(mel: "Tensor", n_mfcc: int) -> "Tensor":
    """The DCT of a mel spectrum in decibels (frames, n_mels): (frames, n_mfcc); by NumPy as in `mel_spectrum`."""
    import torch

    matrix = dct(mel.shape[1], n_mfcc, str(mel.device))
    return mel @ matrix if mel.device.type != "cpu" else torch.from_numpy(mel.numpy() @ matrix.numpy())


def _with_energy(cepstra: "Tensor", energy: "Tensor") -> "Tensor":
    """Cepstra (frames, n_mfcc) with the energy (frames,) after the others in the place of c0."""
    import torch

    return torch.cat([cepstra[:, 1:], energy[:, None]], dim=1)


def _overlapping(blocks: "Iterable[Tensor]", context: int) -> "Iterator[tuple[Tensor, int, int]]":
    """Blocks with up to `context` frames of those beside them: (frames, dims), and how many were put before and after.

    None but the last has fewer frames than `context`.
    """
    import torch

    ahead = iter(blocks)
    block = next(ahead)
    before = block[:0]
    for following in ahead:
        after = following[:context]
        yield torch.cat([before, block, after]), len(before), len(after)
        before, block = block[-context:], following
    yield torch.cat([before, block]), len(before), 0


@lru_cache(maxsize=16)
def dct(n_mels: int, n_mfcc: int, device: str = "cpu") -> "Tensor":
    """The orthonormal DCT-II as a matrix (n_mels, n_mfcc)."""
    import torch

    angle = np.pi / n_mels * np.outer(np.arange(n_mels) + 0.5, np.arange(n_mfcc))
    matrix = np.cos(angle) * np.sqrt(2.0 / n_mels)
    matrix[:, 0] /= np.sqrt(2.0)
    return torch.from_numpy(matrix.astype(np.float32)).to(device)


def frame_energy(wave: Signal, params: MFCCParams, device: str = "cpu") -> "Tensor":
    """Energy of each frame of an utterance before windowing, 10 log10 of the sum of squares (dB): (frames,)."""
    import torch

    return _energy(torch.cat(list(_squared_sums_of(wave, params, device))))


def _energy(sums: "Tensor") -> "Tensor":
    """10 log10 of sums of squares (dB)."""
    return exact_log10(sums.clamp_(min=AMIN)).mul_(10).float()


def _squared_sums_of(wave: Signal, params: MFCCParams, device: str) -> "Iterator[Tensor]":
    """Sums of squares of the frames of an utterance, some at a time: (frames,)."""
    import torch

    return map(_squared_sums, segments(wave, params, torch.float64, device))


def _squared_sums(frames: "Tensor") -> "Tensor":
    """Sums of squares of overlapping frames, (frames, samples) -> (frames,), each sample squared once."""
    hop, length = frames.stride(0), frames.shape[1]
    samples = frames.as_strided(((len(frames) - 1) * hop + length,), (1,))
    return samples.square_().unfold(0, length, hop).sum(dim=1)


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
    weights = slope_weights(width, order, str(values.device))
    middle = values.unfold(0, width, 1) @ weights[half]
    return torch.cat([weights[:half] @ values[:width], middle, weights[half + 1 :] @ values[-width:]])


@lru_cache(maxsize=16)
def slope_weights(width: int, order: int, device: str) -> "Tensor":
    """Weights of `width` frames in the derivative at each of them: (width, width)."""
    import torch

    weights = np.stack([_slope_weights_at(pos, width, order) for pos in range(width)])
    return torch.from_numpy(weights.astype(np.float32)).to(device)


def _slope_weights_at(pos: int, width: int, order: int) -> NDArray[np.float64]:
    """Those of the derivative at one of them, as `scipy.signal.savgol_coeffs` has them: (width,)."""
    powers = np.arange(-pos, width - pos, dtype=np.float64) ** np.arange(order + 1)[:, None]
    wanted = np.zeros(order + 1)
    wanted[order] = factorial(order)
    return np.asarray(np.linalg.lstsq(powers, wanted)[0], np.float64)
