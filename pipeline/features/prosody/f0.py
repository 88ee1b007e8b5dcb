"""Fundamental frequency by Praat's autocorrelation method, on the time grid of DisVoice 0.1.10."""

from collections.abc import Sequence

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
    samples = _checked(x)
    duration = len(samples) / sample_rate
    count = int(duration / step)
    if _too_short(samples, sample_rate, floor):
        return np.zeros(count)

    import parselmouth

    pitch = parselmouth.Sound(samples, sample_rate).to_pitch(time_step=step, pitch_floor=floor, pitch_ceiling=ceiling)
    frequency = pitch.selected_array["frequency"]
    voiced = (frequency > 0) & (frequency < ceiling)
    return on_grid(pitch.xs()[voiced], frequency[voiced], duration, count)


def f0_tracks(
    waves: Sequence[ArrayLike], sample_rate: int, floor: float, ceiling: float, step: float = 0.01
) -> list[FloatArray]:
    """`praat_f0` of each of several waves, a little faster, by `pitch.track`.

    Praat itself is asked where the range of F0 is so unusual that `pitch.track` does not apply. The result for a wave
    does not depend on the others.
    """
    from pipeline.features.prosody.pitch import Analysis, track

    analysis = Analysis(sample_rate, floor, ceiling, step)
    if not analysis.possible:
        return [praat_f0(wave, sample_rate, floor, ceiling, step) for wave in waves]
    samples = [_checked(wave) for wave in waves]
    tracks = [np.zeros(int(len(wave) / sample_rate / step)) for wave in samples]
    long = [i for i, wave in enumerate(samples) if not _too_short(wave, sample_rate, floor)]
    for i, (times, frequency) in zip(long, track([samples[i] for i in long], analysis), strict=True):
        voiced = (frequency > 0) & (frequency < ceiling)
        duration = len(samples[i]) / sample_rate
        tracks[i] = on_grid(times[voiced], frequency[voiced], duration, len(tracks[i]))
    return tracks


def _checked(x: ArrayLike) -> FloatArray:
    """Samples in double precision; a ValueError when they are not mono or not finite."""
    samples = np.asarray(x, dtype=np.float64)
    if samples.ndim != 1:
        raise ValueError(f"F0 is of mono samples of shape (samples,), not {samples.shape}")
    if not np.isfinite(samples).all():
        raise ValueError("F0 is of finite samples: these hold NaN or infinity")
    return samples


def _too_short(samples: FloatArray, sample_rate: int, floor: float) -> bool:
    """Whether Praat refuses to analyse: its own two comparisons, as each rounds otherwise."""
    duration = 1 / sample_rate * len(samples)
    return duration == 0 or floor < PERIODS_PER_WINDOW / duration or PERIODS_PER_WINDOW / floor > duration


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
