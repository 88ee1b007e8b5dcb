"""A deliberately plain reading of the definition of the 103 prosodic features, one run and one frame at a time."""

import math

import numpy as np
from scipy import stats


def shape(values, undefined):
    """Skewness and kurtosis."""
    if len(values) == 1 or min(values) == max(values):
        return [undefined, undefined]
    pair = [float(stats.skew(values)), float(stats.kurtosis(values))]
    return [undefined if math.isnan(value) else value for value in pair]


def six(values, undefined):
    """Mean, std, max, min, skewness, kurtosis."""
    return [np.mean(values), np.std(values), max(values), min(values), *shape(values, undefined)]


def line(values, clean):
    """Slope per second and mean squared residual."""
    t = np.arange(len(values)) * 0.01
    slope, intercept = np.polyfit(t, values, 1)
    if clean and len(values) == 2:
        return slope, 0.0
    return slope, np.mean((values - (t * slope + intercept)) ** 2)


def list_runs(flags):
    """(first, last) of each maximal run of True."""
    runs = []
    for i, flag in enumerate(flags):
        if not flag:
            continue
        if i > 0 and flags[i - 1]:
            runs[-1] = (runs[-1][0], i)
        else:
            runs.append((i, i))
    return runs


def f0_features(f0, clean):
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


def cut(x, fs, f0, voiced, clean):
    hop = fs // 100
    runs = list_runs([(value != 0) == voiced for value in f0])
    if not clean:
        runs = runs[:-1]
    return [x[(a + 1) * hop : (b + 1) * hop] for a, b in runs]


def contour(segment, fs, clean):
    hop = fs // 100
    energies = []
    for i in range(len(segment) // hop - 1):
        frame = segment[i * hop : i * hop + 2 * hop]
        power = np.sum(frame**2) / len(frame)
        energy = 10 * np.log10(power) if power > 0 else -math.inf
        energies.append(max(energy, -100.0 if clean else -1e30))
    return energies


def energy_features(segments, fs, clean):
    undefined = 0.0 if clean else math.nan
    if len(segments) < 2:
        return [0.0] * 24
    contours = [contour(segment, fs, clean) for segment in segments]
    long = [c for c in contours if len(c) >= 2]
    if clean and not long:
        return [0.0] * 24
    out = []
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


def duration_features(voiced, unvoiced, pauses, samples, fs, clean):
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


def features(x, fs, f0, clean):
    """All 103, shape (103,)."""
    x = np.asarray(x, dtype=np.float64)
    if clean and (len(x) < 0.05 * fs or x.max() == x.min()):
        return np.zeros(103)
    x = x - x.mean()
    x = x / np.abs(x).max()
    voiced, off = cut(x, fs, f0, True, clean), cut(x, fs, f0, False, clean)
    pauses = [segment for segment in off if len(segment) > 0.14 * fs]
    unvoiced = [segment for segment in off if len(segment) <= 0.14 * fs]
    return np.array(
        f0_features(f0, clean)
        + energy_features(voiced, fs, clean)
        + energy_features(unvoiced, fs, clean)
        + duration_features(voiced, unvoiced, pauses, len(x), fs, clean)
    )
