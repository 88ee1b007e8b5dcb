"""Mel spectra of utterances: frames are windowed, transformed and put through the filters, on a CPU tile by tile.

There a call of NumPy takes less than one of torch, which counts where an utterance has few frames; torch has the faster
transform.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.samples import Signal
from pipeline.features.mel_filters import mel_filters
from pipeline.features.spectrum import MelParams, framed, joined, piece_of, squared, stretches, to_power, window_of

if TYPE_CHECKING:
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

Groups = list[tuple[slice, slice, Any]]
"""of mel filters: the bins that they see, the bands that they make, and their weights"""


class MelSpectrum:
    """Mel spectra (frames, n_mels); what they need of the params and the device is made once for many utterances."""

    def __init__(self, params: MelParams, device: str = "cpu") -> None:
        self.params = params
        self._window = window_of(params, device)
        self._on_cpu = self._window.device.type == "cpu"
        # Of powers, the filters add the squares of the real and imaginary parts: one pass less over the spectrum.
        self._paired = params.power == 2
        settings = (params.sample_rate, params.n_fft, params.n_mels, params.f_min, params.f_max, params.htk)
        self._groups = mel_groups(*settings, self._paired, str(device))
        self._piece = piece_of(self._window)
        self._most = SMALL
        """frames of a piece, at most, that may be cut into tiles"""
        if self._on_cpu:
            apart = [each.size for _, _, each in self._groups if len(each) > DEPTH or each.shape[1] < GROUP]
            self._most //= max(apart, default=1)
            self._buffer = np.empty((self._piece, params.n_fft), self._window.numpy().dtype)

    def __call__(self, wave: Signal) -> "Tensor":
        """That of an utterance, (frames, n_mels)."""
        return joined(self.pieces(wave), self.params.frames(len(wave)))

    def pieces(self, wave: Signal) -> "Iterator[Tensor]":
        """That of an utterance, some frames at a time."""
        import torch

        if self._on_cpu:
            return (torch.from_numpy(bands) for bands in self._by_numpy(wave))
        return map(self._on_device, framed(wave, self.params, self._window))

    def _on_device(self, frames: "Tensor") -> "Tensor":
        import torch

        squares = squared(frames, self._window)
        magnitude = squares.flatten(1) if self._paired else to_power(squares, self.params.power)
        return torch.cat([magnitude[:, bins] @ weights for bins, _, weights in self._groups], dim=1)

    def _by_numpy(self, wave: Signal) -> Iterator[NDArray[np.float32]]:
        n_fft, hop, window = self.params.n_fft, self.params.hop_length, self._window.numpy()
        for stretch in stretches(wave, self.params, self._piece):
            samples = stretch.astype(window.dtype, copy=False)
            count, step = 1 + (len(samples) - n_fft) // hop, samples.itemsize
            frames: NDArray[Any] = np.ndarray((count, n_fft), samples.dtype, samples, strides=(step * hop, step))
            for first in range(0, count, self._piece):
                yield self._bands(frames[first : first + self._piece])

    def _bands(self, frames: NDArray[Any]) -> NDArray[np.float32]:
        """Bands of a piece (frames, n_fft), tile by tile."""
        count, window = len(frames), self._window.numpy()
        bands = np.empty((count, self.params.n_mels), np.float32)
        last = (count // TILE - 1) * TILE if count <= self._most else 0
        for start in range(0, max(last, 0) + 1, TILE):
            # The last tile has up to twice the frames of others, as OpenBLAS sums otherwise over few.
            tile = slice(start, start + TILE if start < last else count)
            self._fill(bands[tile], np.multiply(frames[tile], window, out=self._buffer[: len(bands[tile])]))
        return bands

    def _fill(self, bands: NDArray[np.float32], windowed: NDArray[Any]) -> None:
        """Put the bands of windowed frames where they belong."""
        import torch

        spectra: NDArray[Any] = torch.fft.rfft(torch.from_numpy(windowed)).numpy()
        magnitude = spectra.view(windowed.dtype).astype(np.float32, copy=False)
        np.square(magnitude, out=magnitude)
        if not self._paired:
            magnitude = to_power(torch.from_numpy(magnitude).unflatten(1, (-1, 2)), self.params.power).numpy()
        for bins, some, weights in self._groups:
            np.matmul(magnitude[:, bins], weights, out=bands[:, some])


@lru_cache(maxsize=16)
def mel_groups(
    sample_rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float | None, htk: bool, paired: bool, device: str
) -> Groups:
    """Mel filters, `GROUP` at a time.

    With `paired`, each bin counts twice: for the squares of its real and of its imaginary part. The weights (bins,
    bands) are an array for the CPU, where NumPy's product of so narrow matrices is faster than torch's (twice with
    `arithmetic: portable`), and else a tensor.
    """
    import torch

    on_cpu = torch.device(device).type == "cpu"
    bank = np.repeat(mel_filters(sample_rate, n_fft, n_mels, f_min, f_max, htk), 1 + paired, axis=1)
    groups = []
    for first in range(0, n_mels, GROUP):
        bands = slice(first, min(first + GROUP, n_mels))
        seen = np.flatnonzero(bank[bands].any(axis=0))
        bins = slice(int(seen[0]), int(seen[-1]) + 1) if len(seen) else slice(0)
        weights = np.ascontiguousarray(bank[bands, bins].T)
        groups.append((bins, bands, weights if on_cpu else torch.from_numpy(weights).to(device)))
    return groups
