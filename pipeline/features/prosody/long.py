"""Prosody of utterances that are too long to be held in memory: part by part, the same but for rounding."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.samples import Signal, slices
from pipeline.features.prosody.blocks import FloatArray, log_energy
from pipeline.features.prosody.f0 import on_grid
from pipeline.features.prosody.pitch import Analysis, Workspace, by_praat, candidates_in, frame_places
from pipeline.features.prosody.pitch_path import Lattice, best_path_of_parts, lattice
from pipeline.features.prosody.sinc import highest

BLOCK = 1 << 20
"""samples that are read at once"""

PART = 6000
"""frames whose candidates are kept at once: a minute"""


def levels(signal: Signal) -> tuple[float, float, float]:
    """Mean, lowest and highest sample."""
    total, low, high = 0.0, np.inf, -np.inf
    for block in slices(signal, BLOCK):
        total += float(block.sum(dtype=np.float64))
        low, high = min(low, float(block.min())), max(high, float(block.max()))
    return total / len(signal), low, high


def energy_of(signal: Signal, mean: float, peak: float, hop: int, floor: float) -> FloatArray:
    """`log_energy` of a signal less its mean, over its peak."""
    count = max(len(signal) // hop - 1, 0)
    most = BLOCK // hop
    parts = [np.zeros(0)]
    for first in range(0, count, most):
        stop = min(first + most, count)
        block = signal[first * hop : (stop + 1) * hop].astype(np.float64)
        parts.append(log_energy((block - mean) / peak, hop, floor))
    return np.concatenate(parts)


def f0_track(signal: Signal, analysis: Analysis) -> FloatArray:
    """`f0_tracks` of one signal."""
    duration = len(signal) / analysis.sample_rate
    times, right = frame_places(len(signal), analysis)
    path, doubts = _path(signal, analysis, times, right)
    for frame, frequency in doubts:
        if path[frame] == frequency:
            path[frame] = by_praat(signal, int(right[frame]), frequency, analysis)
    voiced = (path > 0) & (path < analysis.ceiling)
    return on_grid(times[voiced], path[voiced], duration, int(duration / analysis.step))


def _path(
    signal: Signal, analysis: Analysis, times: FloatArray, right: NDArray[np.int64]
) -> tuple[FloatArray, list[tuple[int, float]]]:
    """F0 of the frames (Hz, 0 where unvoiced), (frames,); and the frames and frequencies of unsure candidates."""
    mean, low, high = levels(signal)
    whole = max(high - mean, mean - low)
    reach = analysis.half + analysis.period + 1
    doubts: list[tuple[int, float]] = []

    def parts() -> Iterator[Lattice]:
        workspace = Workspace(analysis)
        for first in range(0, len(times), PART):
            places = right[first : first + PART]
            start, stop = max(int(places[0]) - reach, 0), min(int(places[-1]) + reach, len(signal))
            centred = signal[start:stop].astype(np.float64) - mean
            found = candidates_in(centred, times[first : first + PART], places - start, whole, workspace)
            # As in `pitch.track`.
            lags, strengths, unsure = highest(found.lag, found.polynomials, analysis.half + 1)
            frequencies = 1 / (1 / analysis.sample_rate) / lags
            doubts.extend((first + int(found.frame[i]), float(frequencies[i])) for i in np.flatnonzero(unsure))
            yield lattice(found.unvoiced, found.frame, frequencies, strengths, analysis.ceiling)

    return best_path_of_parts(parts(), analysis.step), doubts
