"""Fundamental frequency by Praat's autocorrelation method, on the time grid of DisVoice 0.1.10."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

PERIODS_PER_WINDOW = 3
"""Periods of the F0 floor that Praat's analysis window holds; shorter sounds cannot be analysed."""


def praat_f0(x: ArrayLike, sample_rate: int, floor: float, ceiling: float, step: float = 0.01) -> FloatArray:
    """Track F0 with Praat's `To Pitch` (autocorrelation, Boersma 1993), through praat-parselmouth.

    Each voiced value goes to the nearest point of a grid of `int(duration / step)` points from 0 to the duration,
    both included, as in DisVoice 0.1.10; the grid is thus spaced slightly wider than `step`. Of two values nearest
    to one point the later stays, and a value halfway between two points goes to the earlier.

    Args:
        x: mono samples, shape (samples,), as recorded: neither centred nor normalised.
        sample_rate: Hz.
        floor: lowest F0 (Hz); the analysis window is three of its periods long.
        ceiling: highest F0 (Hz).
        step: time between analysis frames (s).

    Returns:
        F0 in Hz, 0 where unvoiced, shape (int(duration / step),). All zeros when `x` is shorter than three periods
        of `floor` (50 ms for 60 Hz), which Praat refuses to analyse, or silent.

    Raises:
        ValueError: when `x` is not one-dimensional, or holds NaN or infinity.
    """
    samples = np.asarray(x, dtype=np.float64)
    if samples.ndim != 1:
        raise ValueError(f"praat_f0 takes mono samples of shape (samples,), not {samples.shape}")
    if not np.isfinite(samples).all():
        raise ValueError("praat_f0 takes finite samples: these hold NaN or infinity")
    duration = len(samples) / sample_rate
    count = int(duration / step)
    # As Praat states it: the same comparison in seconds rounds otherwise for some floors.
    if len(samples) == 0 or floor < PERIODS_PER_WINDOW / duration:
        return np.zeros(count)

    import parselmouth

    pitch = parselmouth.Sound(samples, sample_rate).to_pitch(time_step=step, pitch_floor=floor, pitch_ceiling=ceiling)
    frequency = pitch.selected_array["frequency"]
    voiced = (frequency > 0) & (frequency < ceiling)
    return on_grid(pitch.xs()[voiced], frequency[voiced], duration, count)


def on_grid(times: FloatArray, values: FloatArray, duration: float, count: int) -> FloatArray:
    """Put each value on the nearest of `count` points from 0 to `duration` (s), zero elsewhere.

    Args:
        times: ascending times of the values (s), shape (n,).
        values: shape (n,).
        duration: time of the last point (s).
        count: number of points.

    Returns:
        The track, shape (count,).
    """
    track = np.zeros(count)
    if count == 0:
        return track
    grid = np.linspace(0.0, duration, count)
    right = np.minimum(np.searchsorted(grid, times), count - 1)
    left = np.maximum(right - 1, 0)
    track[np.where(np.abs(grid[left] - times) <= np.abs(grid[right] - times), left, right)] = values
    return track
