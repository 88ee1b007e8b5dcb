"""What a model is asked about: a recording's file, or its samples in memory, as mono blocks of floats.

Samples in memory go the way of a file's: the same blocks, the same mean of channels, the same resampling and rounding
to 16 bits. So a file and its samples give the same probabilities.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.decoding import BLOCK_VALUES, FASTEST, LOUDEST, SLOWEST, Recording
from pipeline.audio.limits import LONGEST
from pipeline.audio.samples import FULL_SCALE
from pipeline.errors import DataError, UserError

FULL_SCALES = {np.dtype(np.int16): FULL_SCALE, np.dtype(np.int32): 2.0**31}
"""of integers: a sample of 1.0; recorders of 24 bits leave the lowest 8 of 32 empty"""
MOST_CHANNELS = 32
"""of samples in memory; a longer axis is time"""

Blocks = Iterator[NDArray[np.float64]]


@dataclass(frozen=True)
class Sound:
    """Samples that come once, in order.

    Attributes:
        name: what errors call it.
        rate: sampling rate (Hz).
        blocks: mono samples in [-1, 1], (n,) each.
    """

    name: str
    rate: int
    blocks: Blocks


@contextmanager
def opened_sound(recording: str | Path | NDArray[Any], sampling_rate: int | None = None) -> Iterator[Sound]:
    """A recording, to be read once in the block.

    Args:
        recording: a file, or samples: floats in [-1, 1], int16 or int32, mono (n,), (channels, n) or (n, channels).
        sampling_rate: of samples (Hz), 4 to 768 kHz; a file says its own.

    Raises:
        UserError: the file cannot be read.
        DataError: the samples, or their rate, are none.
    """
    if isinstance(recording, str | Path):
        if sampling_rate is not None:
            raise DataError(f"{recording}: a file says its own sampling rate; leave sampling_rate out")
        if not os.path.exists(recording):  # noqa: PTH110 -- false of impossible names too
            raise UserError(f"{recording}: no such file")
        with Recording(Path(recording)) as file:
            yield Sound(str(recording), file.rate, file.mono())
        return
    samples = _checked_samples(recording)
    rate = _checked_rate(sampling_rate)
    if len(samples) > LONGEST * 3600 * rate:
        raise DataError(f"recording: is longer than {LONGEST} h; split it")
    yield Sound("recording", rate, _mono(samples))


def _checked_rate(rate: Any) -> int:
    if rate is None:
        raise DataError("sampling_rate: is missing; samples need their rate in Hz, as 16000")
    if isinstance(rate, bool) or not isinstance(rate, int | float | np.integer | np.floating) or rate % 1 != 0:
        raise DataError(f"sampling_rate: should be a whole number of Hz, as 16000; it is {rate!r}")
    if not SLOWEST <= rate <= FASTEST:
        raise DataError(f"sampling_rate: {int(rate)} Hz is not between {SLOWEST} and {FASTEST}")
    return int(rate)


def _checked_samples(given: Any) -> NDArray[Any]:
    """Samples (n, channels), as they are."""
    try:
        samples = np.asarray(given)
    except ValueError as error:  # rows of several lengths
        raise DataError("recording: is no array; give one recording at a time, as floats in [-1, 1]") from error
    if samples.dtype.kind in "OSU":
        title = type(given).__name__
        raise DataError(f"recording: is of the type {title}; give the path of one file, or an array of samples")
    if samples.dtype not in FULL_SCALES and samples.dtype.kind != "f":
        raise DataError(f"recording: samples are {samples.dtype}; give floats in [-1, 1], int16, or int32")
    if samples.ndim not in (1, 2) or not samples.size:
        problem = "holds no samples" if not samples.size else f"has the shape {samples.shape}"
        raise DataError(f"recording: {problem}; give (n,), (channels, n) or (n, channels)")
    if samples.dtype == np.int32 and 0 < max(peaks := (int(samples.max()), -int(samples.min()))) <= FULL_SCALE:
        raise DataError(f"recording: int32 up to {max(peaks)}, as samples of 16 bits have; give them as int16")
    return samples[:, None] if samples.ndim == 1 else _times_first(samples)


def _times_first(samples: NDArray[Any]) -> NDArray[Any]:
    first, second = samples.shape
    if min(first, second) > MOST_CHANNELS or first == second:
        problem = f"has the shape {samples.shape}, of which neither can be told to be channels"
        raise DataError(f"recording: {problem}; give (n,), or at most {MOST_CHANNELS} channels")
    return samples.T if first < second else samples


def _mono(samples: NDArray[Any]) -> Blocks:
    """The mean of channels, as many samples at once as of a file."""
    size, scale = max(1, BLOCK_VALUES // samples.shape[1]), FULL_SCALES.get(samples.dtype, 1.0)
    for start in range(0, len(samples), size):
        block = np.ascontiguousarray(samples[start : start + size], np.float64) / scale
        if not np.isfinite(block).all():
            raise DataError("recording: holds samples that are no numbers")
        if (peak := float(np.abs(block).max())) > LOUDEST:
            raise DataError(f"recording: holds samples up to {peak:.6g}, and full scale is 1; rescale it")
        yield block.mean(axis=1)
