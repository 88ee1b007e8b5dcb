"""Mel spectra of utterances: frames are windowed, transformed and put through the filters.

On a CPU a call of NumPy takes less than one of torch, which counts where an utterance has few frames, and its product
of narrow matrices is faster (twice with `arithmetic: portable`); torch has the faster transform.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.samples import Signal
from pipeline.features.frames import windows
from pipeline.features.mel_filters import mel_filters
from pipeline.features.spectrum import MelParams, framed, piece_of, squared, stretches, to_power, window_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

GROUP = 16
"""mel filters applied at once, to the bins that any of them sees"""

TILE = 96
"""frames whose bands are made at once on a CPU: their spectrum stays in the core's own cache.

A multiple of the 12 rows that OpenBLAS multiplies at once, so that sums are those of all frames together, to the bit.
"""

SMALL, DEPTH = 10**6, 384
"""multiplications of a product beyond which OpenBLAS with AVX-512 sums it in parts of `DEPTH` bins, and in another
order where there are fewer than `GROUP` bands"""

Groups = list[tuple[slice, slice, NDArray[np.float32]]]
"""of mel filters: the bins that they see, the bands that they make, and their weights"""


class MelSpectrum(ABC):
    """Mel spectra of utterances; what they need of the params and the device is made once."""

    def __init__(self, params: MelParams, device: str = "cpu") -> None:
        self.params = params
        self._window = window_of(params, device)
        # Of powers, the filters add the squares of the real and imaginary parts: one pass less over the spectrum.
        self._paired = params.power == 2
        self._bank = (params.sample_rate, params.n_fft, params.n_mels, params.f_min, params.f_max, params.htk)

    def together(self, waves: Sequence[Signal]) -> "tuple[Tensor, list[int]]":
        """Those of utterances end to end, (sum of frames, n_mels), and how many frames each has."""
        import torch

        counts = [self.params.frames(len(wave)) for wave in waves]
        values = torch.empty(sum(counts), self.params.n_mels, device=self._window.device)
        self._fill(values, waves)
        return values, counts

    @abstractmethod
    def pieces(self, wave: Signal) -> "Iterator[Tensor]":
        """That of an utterance, some frames at a time: (frames, n_mels)."""

    @abstractmethod
    def _fill(self, values: "Tensor", waves: Sequence[Signal]) -> None:
        """Write those of utterances end to end."""


class DeviceMelSpectrum(MelSpectrum):
    """Mel spectra by torch, on any device."""

    def __init__(self, params: MelParams, device: str) -> None:
        super().__init__(params, device)
        self._groups = groups_on(self._window.device, *self._bank, self._paired)

    def pieces(self, wave: Signal) -> "Iterator[Tensor]":
        """That of an utterance, some frames at a time: (frames, n_mels)."""
        return map(self._bands, framed(wave, self.params, self._window))

    def _fill(self, values: "Tensor", waves: Sequence[Signal]) -> None:
        first = 0
        for piece in chain.from_iterable(map(self.pieces, waves)):
            values[first : first + len(piece)] = piece
            first += len(piece)

    def _bands(self, frames: "Tensor") -> "Tensor":
        import torch

        squares = squared(frames, self._window)
        magnitude = squares.flatten(1) if self._paired else to_power(squares, self.params.power)
        return torch.cat([magnitude[:, bins] @ weights for bins, _, weights in self._groups], dim=1)


class TiledMelSpectrum(MelSpectrum):
    """Mel spectra on a CPU, tile by tile, so that a tile stays in the core's own cache from step to step."""

    def __init__(self, params: MelParams) -> None:
        super().__init__(params)
        self._groups = mel_groups(*self._bank, self._paired)
        self._piece = piece_of(self._window)
        apart = [each.size for _, _, each in self._groups if len(each) > DEPTH or each.shape[1] < GROUP]
        self._most = SMALL // max(apart, default=1)
        """frames of a piece, at most, that may be cut into tiles"""
        self._buffer = np.empty((self._piece, params.n_fft), self._window.numpy().dtype)

    def pieces(self, wave: Signal) -> "Iterator[Tensor]":
        """That of an utterance, some frames at a time: (frames, n_mels)."""
        import torch

        for frames in self._frames(wave):
            bands = np.empty((len(frames), self.params.n_mels), np.float32)
            self._put(frames, bands)
            yield torch.from_numpy(bands)

    def _fill(self, values: "Tensor", waves: Sequence[Signal]) -> None:
        bands, first = values.numpy(), 0
        for frames in chain.from_iterable(map(self._frames, waves)):
            self._put(frames, bands[first : first + len(frames)])
            first += len(frames)

    def _frames(self, wave: Signal) -> Iterator[NDArray[Any]]:
        """Views of the frames of an utterance, a piece at a time: (frames, n_fft)."""
        dtype = self._window.numpy().dtype
        for stretch in stretches(wave, self.params, self._piece):
            frames = windows(stretch.astype(dtype, copy=False), self.params.n_fft, self.params.hop_length)
            for first in range(0, len(frames), self._piece):
                yield frames[first : first + self._piece]

    def _put(self, frames: NDArray[Any], bands: NDArray[np.float32]) -> None:
        """Make the bands of a piece, tile by tile."""
        count, window = len(frames), self._window.numpy()
        last = (count // TILE - 1) * TILE if count <= self._most else 0
        for start in range(0, max(last, 0) + 1, TILE):
            # The last tile has up to twice the frames of others, as OpenBLAS sums otherwise over few.
            stop = start + TILE if start < last else count
            windowed = np.multiply(frames[start:stop], window, out=self._buffer[: stop - start])
            self._filter(windowed, bands[start:stop])

    def _filter(self, windowed: NDArray[Any], bands: NDArray[np.float32]) -> None:
        """Make the bands of windowed frames."""
        import torch

        spectra: NDArray[Any] = torch.fft.rfft(torch.from_numpy(windowed)).numpy()
        magnitude = spectra.view(windowed.dtype).astype(np.float32, copy=False)
        np.square(magnitude, out=magnitude)
        if not self._paired:
            magnitude = to_power(torch.from_numpy(magnitude).unflatten(1, (-1, 2)), self.params.power).numpy()
        for bins, some, weights in self._groups:
            np.matmul(magnitude[:, bins], weights, out=bands[:, some])


def mel_spectrum(params: MelParams, device: str = "cpu") -> MelSpectrum:
    """The faster of the two on a device."""
    import torch

    return TiledMelSpectrum(params) if torch.device(device).type == "cpu" else DeviceMelSpectrum(params, device)


@lru_cache(maxsize=16)
def mel_groups(
    sample_rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float | None, htk: bool, paired: bool
) -> Groups:
    """Mel filters, `GROUP` at a time: weights (bins, bands).

    With `paired`, each bin counts twice: for the squares of its real and of its imaginary part.
    """
    bank = np.repeat(mel_filters(sample_rate, n_fft, n_mels, f_min, f_max, htk), 1 + paired, axis=1)
    groups = []
    for first in range(0, n_mels, GROUP):
        bands = slice(first, min(first + GROUP, n_mels))
        seen = np.flatnonzero(bank[bands].any(axis=0))
        bins = slice(int(seen[0]), int(seen[-1]) + 1) if len(seen) else slice(0)
        groups.append((bins, bands, np.ascontiguousarray(bank[bands, bins].T)))
    return groups


@lru_cache(maxsize=16)
def groups_on(device: "torch.device", *bank: Any) -> "list[tuple[slice, slice, Tensor]]":
    """`mel_groups` on a device."""
    import torch

    return [(bins, bands, torch.from_numpy(weights).to(device)) for bins, bands, weights in mel_groups(*bank)]
