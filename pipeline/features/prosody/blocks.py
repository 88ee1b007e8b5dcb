"""The blocks of the static prosodic features: F0, energy of voiced and unvoiced segments, durations.

The features are those of DisVoice 0.1.10 (Vasquez-Correa et al., "Towards an automatic evaluation of the dysarthria
level of patients with Parkinson's disease", Journal of Communication Disorders 76, 2018; after Dehak et al., 2007).
`COMPAT` and `CLEAN` state where the two modes differ; all else is common to both.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.features.frames import windows

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

STEP = 0.01
"""Time between frames (s)."""

PAUSE = 0.14
"""Unvoiced segments longer than this are pauses (s)."""

MEAN, STD, MAX, MIN, SKEWNESS, KURTOSIS = range(6)
"""Columns of `moments`."""

AVERAGED = [MEAN, STD, SKEWNESS, KURTOSIS]
"""Columns of what is averaged over segments."""

EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Rules:
    """Where the two modes differ.

    Attributes:
        keep_last: whether the last voiced and the last unvoiced run are used, and the last frame of an F0 run that
            ends with the track.
        energy_floor: lowest log energy of a frame, and that of a frame without energy (dB).
        undefined: skewness and kurtosis of one value or of constant data, and the averages over no segments.
        noisy_pairs: whether the error of a line through two values is the rounding noise of `numpy.polyfit`, as in
            DisVoice, or exactly 0.
        ratios_need_pauses: whether UVU and VVU are 0 in utterances without pauses.
        zero_invalid: whether a block that is not valid is all zeros, as are all blocks of a silent utterance.
        min_duration: shorter utterances have no valid block (s).
        f0_ceiling: highest F0 (Hz).
    """

    keep_last: bool
    energy_floor: float
    undefined: float
    noisy_pairs: bool
    ratios_need_pauses: bool
    zero_invalid: bool
    min_duration: float
    f0_ceiling: float


COMPAT = Rules(
    keep_last=False,
    energy_floor=-1e30,
    undefined=np.nan,
    noisy_pairs=True,
    ratios_need_pauses=True,
    zero_invalid=False,
    min_duration=0.0,
    f0_ceiling=350.0,
)

CLEAN = Rules(
    keep_last=True,
    energy_floor=-100.0,
    undefined=0.0,
    noisy_pairs=False,
    ratios_need_pauses=False,
    zero_invalid=True,
    min_duration=0.05,
    f0_ceiling=500.0,
)


def find_runs(mask: NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """First index and one past the last index of each maximal stretch of True: two arrays of shape (runs,)."""
    outside = np.zeros(len(mask) + 2, np.bool_)
    outside[1:-1] = mask
    edges = np.flatnonzero(outside[1:] != outside[:-1])
    return edges[::2], edges[1::2]


def moments(values: FloatArray, sizes: IntArray, undefined: float) -> FloatArray:
    """Moments of consecutive groups of values.

    Args:
        values: the groups end to end, shape (sum of sizes,).
        sizes: number of values in each group, at least 1, shape (groups,).
        undefined: skewness and kurtosis of a group of equal values.

    Returns:
        Mean, standard deviation (ddof 0), maximum, minimum, skewness (biased) and excess kurtosis, shape (groups, 6).
    """
    offsets = sizes.cumsum() - sizes
    mean = _means(values, offsets, sizes)
    centred = values - mean.repeat(sizes)
    squares = centred * centred
    m2 = _means(squares, offsets, sizes)
    m3 = _means(squares * centred, offsets, sizes)
    m4 = _means(squares * squares, offsets, sizes)
    high = np.maximum.reduceat(values, offsets)
    low = np.minimum.reduceat(values, offsets)
    # The second condition is scipy's: deviations no larger than the rounding of the mean.
    constant = (high == low) | (m2 <= (EPSILON * mean) ** 2)
    spread = np.where(constant, 1.0, m2)
    table = np.empty((len(sizes), 6))
    columns = (mean, np.sqrt(m2), high, low, m3 / spread**1.5, m4 / spread**2 - 3.0)
    for place, column in enumerate(columns):
        table[:, place] = column
    table[constant, SKEWNESS:] = undefined
    return table


def _means(values: FloatArray, offsets: IntArray, sizes: IntArray) -> FloatArray:
    """Mean of each group."""
    if len(sizes) == 1:
        return np.array([_mean(values)])
    means: FloatArray = np.add.reduceat(values, offsets) / sizes
    return means


def _mean(values: FloatArray) -> float:
    """In numpy's own order of summation: the skewness of symmetric durations is rounding noise, and is kept."""
    mean: float = np.add.reduce(values) / len(values)
    return mean


def vector_moments(values: FloatArray, undefined: float) -> FloatArray:
    """Moments of one non-empty vector, shape (6,), in the order of `moments`."""
    mean = _mean(values)
    centred = values - mean
    squares = centred * centred
    m2, m3, m4 = (_mean(powers) for powers in (squares, squares * centred, squares * squares))
    high, low = values.max(), values.min()
    skewness = kurtosis = undefined
    if high != low and m2 > (EPSILON * mean) * (EPSILON * mean):
        # A power as of an array: that of a number can have another last bit.
        skewness, kurtosis = m3 / (np.array([m2]) ** 1.5)[0], m4 / (m2 * m2) - 3.0
    return np.array([mean, np.sqrt(m2), high, low, skewness, kurtosis])


def fit_lines(values: FloatArray, sizes: IntArray, noisy_pairs: bool) -> tuple[FloatArray, FloatArray]:
    """Least-squares lines through consecutive groups of values one `STEP` apart.

    Args:
        values: the groups end to end, shape (sum of sizes,).
        sizes: number of values in each group, at least 1, shape (groups,).
        noisy_pairs: see `Rules`.

    Returns:
        Slope (units of the values per second) and mean squared residual of each group, shape (groups,) each;
        both 0 for a group of one value.
    """
    offsets = sizes.cumsum() - sizes
    centred = values - (np.add.reduceat(values, offsets) / sizes).repeat(sizes)
    frames = np.arange(len(values)) - (offsets + (sizes - 1) / 2).repeat(sizes)
    slope = np.add.reduceat(frames * centred, offsets) / np.maximum(sizes * (sizes**2 - 1) / 12, 0.5)
    residual = centred - slope.repeat(sizes) * frames
    mse = np.add.reduceat(residual * residual, offsets) / sizes
    pairs = sizes == 2
    mse[pairs] = 0.0
    if noisy_pairs:
        mse[pairs] = [_pair_noise(values[start : start + 2]) for start in offsets[pairs]]
    return slope / STEP, mse


def _pair_noise(pair: FloatArray) -> float:
    """Rounding noise of `numpy.polyfit` on two values.

    It decides whether errors that are all zero in theory have a skewness, so leaving it out would misplace NaNs.
    """
    t = np.arange(2) * STEP
    slope, intercept = np.polyfit(t, pair, 1)
    return float(np.mean((pair - (t * slope + intercept)) ** 2))


def gather(track: FloatArray, starts: IntArray, sizes: IntArray) -> FloatArray:
    """The stretches `track[start : start + size]`, end to end."""
    ends = sizes.cumsum()
    stretches: FloatArray = track[np.arange(ends[-1]) + (starts - (ends - sizes)).repeat(sizes)]
    return stretches


def f0_block(f0: FloatArray, rules: Rules) -> tuple[FloatArray, bool]:
    """Moments of F0, of its tilt and linear-fit error over voiced runs, and of the first and the last run.

    Args:
        f0: F0 track (Hz), 0 where unvoiced, shape (frames,).
        rules: the mode.

    Returns:
        The 30 features, and whether any frame is voiced; if none is they are zeros. If the only voiced frame is one
        that `rules` discards, where DisVoice fails, the first and last runs have `rules.undefined`.
    """
    voiced = f0 != 0
    starts, stops = find_runs(voiced)
    if len(starts) == 0:
        return np.zeros(30), False
    sizes = stops - starts
    if not rules.keep_last and stops[-1] == len(f0):
        sizes[-1] -= 1
    starts, sizes = starts[sizes > 0], sizes[sizes > 0]
    tilt, mse = np.zeros(1), np.zeros(1)
    first = last = np.full(6, rules.undefined)
    if len(sizes):
        runs = gather(f0, starts, sizes)
        table = moments(runs, sizes, rules.undefined)
        first, last = table[0], table[-1]
        if (sizes > 1).any():
            tilt, mse = (fitted[sizes > 1] for fitted in fit_lines(runs, sizes, rules.noisy_pairs))
    lines = moments(np.concatenate([tilt, mse]), np.array([len(tilt), len(mse)]), rules.undefined)
    return np.concatenate([vector_moments(f0[voiced], rules.undefined), lines.T.ravel(), first, last]), True


def log_energy(signal: FloatArray, hop: int, floor: float) -> FloatArray:
    """Log energy of frames of two hops, one hop apart.

    Args:
        signal: samples, shape (samples,).
        hop: samples from one frame to the next.
        floor: lowest value, and that of frames whose energy is 0 or NaN (dB).

    Returns:
        10 log10 of the mean square (dB), shape (max(samples // hop - 1, 0),).
    """
    if len(signal) < 2 * hop:
        return np.zeros(0)
    frames = windows(signal * signal, 2 * hop, hop)
    with np.errstate(divide="ignore"):
        energy: FloatArray = np.fmax(10.0 * np.log10(frames.sum(axis=1) / (2 * hop)), floor)
    return energy


def energy_block(energy: FloatArray, starts: IntArray, stops: IntArray, rules: Rules) -> tuple[FloatArray, bool]:
    """Moments of the log energy of the segments of one kind, averaged over segments; of its tilt and linear-fit error;
    and of the first and the last segment.

    Args:
        energy: output of `log_energy` for the utterance.
        starts: first frame of each run of frames, shape (runs,).
        stops: one past the last frame of each run, shape (runs,).
        rules: the mode.

    Returns:
        The 24 features, and whether there are two segments or more and one of them has two energies or more. With
        fewer than two segments they are zeros; with no such segment the 12 averages are `rules.undefined`.
    """
    if len(starts) < 2:
        return np.zeros(24), False
    # A segment is one frame shorter than its run and begins one hop after it: R frames give R - 2 energies.
    sizes = np.maximum(np.minimum(stops - 1, len(energy)) - (starts + 1), 0)
    averages, first, last = np.full(12, rules.undefined), np.zeros(6), np.zeros(6)
    filled = sizes > 0
    if filled.any():
        contours = gather(energy, starts[filled] + 1, sizes[filled])
        table = moments(contours, sizes[filled], rules.undefined)
        first = table[0]
        # One step back from an empty last segment, no further, and never to the first segment.
        if filled[-1] or (filled[-2] and len(sizes) > 2):
            last = table[-1]
        long = sizes[filled] > 1
        if long.any():
            tilt, mse = (fitted[long] for fitted in fit_lines(contours, sizes[filled], rules.noisy_pairs))
            lines = moments(np.concatenate([tilt, mse]), np.array([len(tilt), len(mse)]), rules.undefined)
            mean = np.add.reduce(table[long]) / np.count_nonzero(long)
            averages = np.concatenate([mean[AVERAGED], lines[:, AVERAGED].ravel()])
    return np.concatenate([averages, first, last]), bool((sizes > 1).any())


def duration_block(
    voiced: FloatArray, unvoiced: FloatArray, pauses: FloatArray, duration: float, rules: Rules
) -> tuple[FloatArray, bool]:
    """Voiced rate, moments of the durations of the segments of each kind, and ratios of their mean durations.

    Args:
        voiced: durations of the voiced segments (s), shape (segments,).
        unvoiced: likewise of the unvoiced segments that are not pauses.
        pauses: likewise of the pauses.
        duration: that of the utterance (s).
        rules: the mode.

    Returns:
        The 25 features, and whether there is a voiced segment; without one all are zeros.
    """
    table = np.zeros((3, 6))
    for row, kind in zip(table, (voiced, unvoiced, pauses), strict=True):
        if len(kind) >= 2:
            row[:] = vector_moments(kind, rules.undefined)
    v, u, p = table[:, MEAN]
    ratios = np.zeros(6)
    if v and u and (p or not rules.ratios_need_pauses):
        ratios[2:4] = u / (v + u), v / (v + u)
        if p:
            ratios[[0, 1, 4, 5]] = p / (v + u), p / u, v / p, u / p
    rate = len(voiced) / duration if duration else 0.0
    columns = [*AVERAGED, MAX, MIN]
    return np.concatenate([[rate], table[:, columns].ravel(), ratios]), len(voiced) > 0
