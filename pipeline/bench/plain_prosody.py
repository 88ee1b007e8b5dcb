"""The 103 prosodic features read plainly from their definition, one segment and one frame at a time.

It is what `pipeline.features.prosody.extractor` is tested against, and it stands in for DisVoice's code in the
benchmark where that is not installed: the same loops, libraries and number of passes, or fewer.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def features(x: ArrayLike, fs: int, f0: ArrayLike, clean: bool) -> FloatArray:
    """All 103 features of samples (samples,) at `fs` Hz with their F0 (frames,), in either mode: (103,)."""
    signal, track = np.asarray(x, np.float64), np.asarray(f0, np.float64)
    if clean and (len(signal) < 0.05 * fs or signal.max() == signal.min()):
        return np.zeros(103)
    signal = signal - signal.mean()
    signal = signal / np.abs(signal).max()
    voiced, off = cut(signal, fs, track, True, clean), cut(signal, fs, track, False, clean)
    pauses = [segment for segment in off if len(segment) > 0.14 * fs]
    unvoiced = [segment for segment in off if len(segment) <= 0.14 * fs]
    return np.array(
        f0_features(track, clean)
        + energy_features(voiced, fs, clean)
        + energy_features(unvoiced, fs, clean)
        + duration_features(voiced, unvoiced, pauses, len(signal), fs, clean)
    )


def shape(values: Any, undefined: float) -> list[float]:
    """Skewness and kurtosis."""
    from scipy import stats

    if len(values) == 1 or min(values) == max(values):
        return [undefined, undefined]
    pair = [float(stats.skew(values)), float(stats.kurtosis(values))]
    return [undefined if math.isnan(value) else value for value in pair]


def six(values: Any, undefined: float) -> list[float]:
    """Mean, standard deviation, maximum, minimum, skewness, kurtosis."""
    return [float(np.mean(values)), float(np.std(values)), max(values), min(values), *shape(values, undefined)]


def line(values: Any, clean: bool) -> tuple[float, float]:
    """Slope per second and mean squared residual of the line through values 10 ms apart."""
    t = np.arange(len(values)) * 0.01
    slope, intercept = np.polyfit(t, values, 1)
    if clean and len(values) == 2:
        return slope, 0.0
    return slope, float(np.mean((values - (t * slope + intercept)) ** 2))


def list_runs(flags: Sequence[bool]) -> list[tuple[int, int]]:
    """(first, last) of each maximal run of True."""
    runs: list[tuple[int, int]] = []
    for i, flag in enumerate(flags):
        if not flag:
            continue
        if i > 0 and flags[i - 1]:
            runs[-1] = (runs[-1][0], i)
        else:
            runs.append((i, i))
    return runs


def f0_features(f0: FloatArray, clean: bool) -> list[float]:
    """The 30 features of F0."""
    undefined = 0.0 if clean else math.nan
    voiced = [value for value in f0 if value != 0]
    if not voiced:
        return [0.0] * 30
    pieces = []
    for a, b in list_runs([value != 0 for value in f0]):
        piece = f0[a : b + 1]
        if b == len(f0) - 1 and not clean:
            piece = piece[:-1]
        if len(piece):
            pieces.append(piece)
    lines = [line(piece, clean) for piece in pieces if len(piece) > 1] or [(0.0, 0.0)]
    tilt, mse = six([m[0] for m in lines], undefined), six([m[1] for m in lines], undefined)
    out = six(voiced, undefined)
    for of_tilt, of_mse in zip(tilt, mse, strict=True):
        out += [of_tilt, of_mse]
    for i in (0, -1):
        out += six(pieces[i], undefined) if pieces else [undefined] * 6
    return out


def cut(x: FloatArray, fs: int, f0: FloatArray, voiced: bool, clean: bool) -> list[FloatArray]:
    """The samples of the voiced or of the unvoiced segments."""
    hop = fs // 100
    runs = list_runs([(value != 0) == voiced for value in f0])
    if not clean:
        runs = runs[:-1]
    return [x[(a + 1) * hop : (b + 1) * hop] for a, b in runs]


def contour(segment: FloatArray, fs: int, clean: bool) -> list[float]:
    """Log energy of each frame of a segment (dB)."""
    hop = fs // 100
    energies = []
    for i in range(len(segment) // hop - 1):
        frame = segment[i * hop : i * hop + 2 * hop]
        power = np.sum(frame**2) / len(frame)
        energy = 10 * np.log10(power) if power > 0 else -math.inf
        energies.append(max(energy, -100.0 if clean else -1e30))
    return energies


def energy_features(segments: list[FloatArray], fs: int, clean: bool) -> list[float]:
    """The 24 features of the energy of segments of one kind."""
    undefined = 0.0 if clean else math.nan
    if len(segments) < 2:
        return [0.0] * 24
    contours = [contour(segment, fs, clean) for segment in segments]
    long = [c for c in contours if len(c) >= 2]
    if clean and not long:
        return [0.0] * 24
    out: list[float] = []
    if long:
        table = np.array([six(c, undefined) for c in long])
        out += [table[:, column].mean() for column in (0, 1, 4, 5)]
        lines = [line(c, clean) for c in long]
        for i in (0, 1):
            moments = six([m[i] for m in lines], undefined)
            out += [moments[0], moments[1], moments[4], moments[5]]
    else:
        out += [undefined] * 12
    filled = [c for c in contours if c]
    out += six(filled[0], undefined) if filled else [0.0] * 6
    last = len(contours) - 1
    if not contours[last]:
        last -= 1
    out += six(contours[last], undefined) if contours[last] and last > 0 else [0.0] * 6
    return out


def duration_features(
    voiced: list[FloatArray], unvoiced: list[FloatArray], pauses: list[FloatArray], samples: int, fs: int, clean: bool
) -> list[float]:
    """The 25 features of durations."""
    out, means = [len(voiced) / (samples / fs)], []
    for segments in (voiced, unvoiced, pauses):
        durations = [len(segment) / fs for segment in segments]
        moments = six(durations, 0.0 if clean else math.nan) if len(durations) >= 2 else [0.0] * 6
        means.append(moments[0])
        out += [moments[i] for i in (0, 1, 4, 5, 2, 3)]
    v, u, p = means
    if v and u and p:
        return [*out, p / (v + u), p / u, u / (v + u), v / (v + u), v / p, u / p]
    if clean and v and u:
        return [*out, 0.0, 0.0, u / (v + u), v / (v + u), 0.0, 0.0]
    return out + [0.0] * 6
