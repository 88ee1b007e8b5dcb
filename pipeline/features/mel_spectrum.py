"""Mel spectra of utterances: frames are windowed, transformed and put through the filters, on a CPU tile by tile.

There a call of NumPy takes less than one of torch, which counts where an utterance has few frames; torch has the faster
transform.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.samples import Signal
from pipeline.features.mel_filters import mel_filters
from pipeline.features.spectrum import MelParams, framed, piece_of, squared, stretches, to_power, window_of

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
    """Mel spectra of utterances; what they need of the params and the device is made once."""

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

    def together(self, waves: Sequence[Signal]) -> "tuple[Tensor, list[int]]":
        """Those of utterances end to end, (sum of frames, n_mels), and how many frames each has."""
        import torch

        counts = [self.params.frames(len(wave)) for wave in waves]
        values = torch.empty(sum(counts), self.params.n_mels, device=self._window.device)
        first = 0
        if self._on_cpu:
            for frames in chain.from_iterable(map(self._frames, waves)):
                self._put(frames, values[first : first + len(frames)].numpy())
                first += len(frames)
        else:
            for piece in chain.from_iterable(map(self.pieces, waves)):
                values[first : first + len(piece)] = piece
                first += len(piece)
        return values, counts

    def pieces(self, wave: Signal) -> "Iterator[Tensor]":
        """That of an utterance, some frames at a time: (frames, n_mels)."""
        import torch

        if not self._on_cpu:
            yield from map(self._on_device, framed(wave, self.params, self._window))
            return
        for frames in self._frames(wave):
            bands = np.empty((len(frames), self.params.n_mels), np.float32)
            self._put(frames, bands)
            yield torch.from_numpy(bands)

    def _on_device(self, frames: "Tensor") -> "Tensor":
        import torch

        squares = squared(frames, self._window)
        magnitude = squares.flatten(1) if self._paired else to_power(squares, self.params.power)
        return torch.cat([magnitude[:, bins] @ weights for bins, _, weights in self._groups], dim=1)

    def _frames(self, wave: Signal) -> Iterator[NDArray[Any]]:
        """Views of the frames of an utterance, a piece at a time: (frames, n_fft)."""
        n_fft, hop, dtype = self.params.n_fft, self.params.hop_length, self._window.numpy().dtype
        for stretch in stretches(wave, self.params, self._piece):
            samples = stretch.astype(dtype, copy=False)
            count, step = 1 + (len(samples) - n_fft) // hop, samples.itemsize
            frames: NDArray[Any] = np.ndarray((count, n_fft), dtype, samples, strides=(step * hop, step))
            for first in range(0, count, self._piece):
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
