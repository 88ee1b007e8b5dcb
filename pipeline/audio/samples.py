"""Samples: 16-bit integers and floats, and other sampling rates."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float32]
"""One utterance: mono samples in [-1, 1), shape (samples,)."""

RATES = {"16k": 16000, "48k": 48000}
"""file name in an audio folder -> sampling rate (Hz)"""

FULL_SCALE = 32768.0
"""a 16-bit sample of 1.0"""


class Signal(Protocol):
    """Samples that need not be in memory: an array (samples,), or what gives arrays as slices of it are asked for."""

    def __len__(self) -> int:
        """How many samples there are."""

    def __getitem__(self, part: slice, /) -> Wave:
        """Samples from `part.start` to `part.stop`."""


def slices(signal: Signal, size: int) -> Iterator[Wave]:
    """A signal cut into arrays of `size` samples."""
    for start in range(0, len(signal), size):
        yield signal[start : start + size]


class Resampler:
    """Resample a signal that comes block by block, with soxr at very high quality; equal rates change nothing.

    How it is cut into blocks changes no bit of the result.

    Args:
        source: sampling rate of what comes (Hz).
        target: sampling rate of what goes (Hz).
    """

    def __init__(self, source: int, target: int) -> None:
        import soxr

        equal = source == target
        self._stream = None if equal else soxr.ResampleStream(source, target, 1, dtype="float64", quality="VHQ")

    def push(self, block: NDArray[np.float64], last: bool = False) -> NDArray[np.float64]:
        """The next block, (samples,): what of the result is ready, (resampled,), and after the `last` all the rest."""
        return block if self._stream is None else np.asarray(self._stream.resample_chunk(block, last))


def resample(samples: NDArray[np.float64], source: int, target: int) -> NDArray[np.float64]:
    """Resample (samples,) from `source` to `target` Hz; see `Resampler`."""
    return Resampler(source, target).push(samples, last=True)


def to_pcm16(samples: NDArray[np.float64] | Wave) -> NDArray[np.int16]:
    """Round [-1, 1] to 16 bits; a 16-bit recording comes back as it was. Louder samples are clipped."""
    return np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def to_float(pcm: NDArray[np.int16]) -> Wave:
    """16-bit samples of any shape as (samples,) float32 in [-1, 1)."""
    return np.asarray(pcm, np.float32).reshape(-1) / np.float32(FULL_SCALE)
