"""Praat's F0 (`To Pitch`, autocorrelation), in numpy over all frames of a batch at once: somewhat faster than Praat.

Source: Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a
sampled sound", Proceedings of the Institute of Phonetic Sciences, University of Amsterdam 17 (1993). Equations are its.
Where the paper leaves room (rounding to samples, where an analysis frame lies, how a maximum is found), this follows
what Praat 6.1 does, as its values show. They agree to about 1e-9, and voicing in every frame. Where rounding decides
which of two places a search for a maximum ends at (1e-7 apart), the frame alone is given to Praat: one in a hundred.
`f0.praat_f0` has Praat do it all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from math import floor

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.audio.samples import Signal
from pipeline.features.frames import windows
from pipeline.features.prosody.pitch_path import OCTAVE, VOICING_CHANGE, best_paths, lattice
from pipeline.features.prosody.sinc import DEGREE, highest, interpolation, values

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PERIODS = 3
"""periods of the F0 floor in a window"""
CANDIDATES = 15
"""candidates of a frame, the unvoiced one among them"""
SILENCE, VOICING = 0.03, 0.45
"""thresholds of equation 23: of the peak amplitude, and of the strength"""
DEPTH, CHOICE_DEPTH = 70, 30
"""samples on either side that interpolate the autocorrelation, for its maxima, and for the choice among too many"""
PIECE = 64
"""frames analysed at once, so that they stay in the processor's cache"""


@dataclass(frozen=True)
class Analysis:
    """What follows from the sampling rate and the range of F0; lengths in samples."""

    sample_rate: int
    floor: float
    ceiling: float
    step: float

    @property
    def duration(self) -> float:
        """Length of the window (s)."""
        return PERIODS / self.floor

    @property
    def half(self) -> int:
        """Half of the window."""
        return floor(self.duration / (1 / self.sample_rate)) // 2 - 1

    @property
    def period(self) -> int:
        """The longest period."""
        return floor(1 / (1 / self.sample_rate) / self.floor)

    @property
    def longest(self) -> int:
        """Lags of maxima are below."""
        return floor(2 * self.half / PERIODS) + 2

    @property
    def possible(self) -> bool:
        """Whether interpolation stays within Praat's lags, up to `half`; so for all but very high floors."""
        return self.half - self.longest > DEPTH and self.ceiling < self.sample_rate / 4


@dataclass(frozen=True)
class Candidates:
    """Voiced candidates of an utterance's frames, one after another, and the frames' unvoiced strength."""

    times: FloatArray
    """of the frames (s): (frames,)"""
    right: IntArray
    """first sample right of each frame's centre: (frames,)"""
    unvoiced: FloatArray
    """(frames,)"""
    frame: IntArray
    """of each candidate, ascending: (candidates,)"""
    lag: IntArray
    """of each candidate's maximum among the samples of the autocorrelation"""
    polynomials: FloatArray
    """the autocorrelation left and right of it: (candidates, 2 * (DEGREE + 1)), see `sinc.interpolation`"""


class Workspace:
    """Arrays for the autocorrelations of up to `PIECE` frames, which take the place of those before."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        half, self.lags = analysis.half, analysis.longest + DEPTH
        self.window, self.spread = _window(half)
        size = fast_length(2 * half + self.lags)
        self.frames, self.raw = np.zeros((PIECE, size)), np.empty((PIECE, size))
        self.spectra = np.empty((PIECE, size // 2 + 1), np.complex128)
        self.correlations = np.empty((PIECE, DEPTH + self.lags))
        self.around = _around(self.correlations, DEPTH)
        """the correlations from `DEPTH` before to `DEPTH` after each lag: (frames, lags, 2 * DEPTH + 1)"""

    def autocorrelation(self, frames: FloatArray, mean: FloatArray) -> FloatArray:
        """That of frames less their mean, windowed, over that of the window (equation 9), from -DEPTH samples.

        Args:
            frames: (frames, samples).
            mean: of each, (frames,).

        Returns:
            The correlations, (frames, DEPTH + lags), which the next call overwrites.
        """
        count = len(frames)
        padded, spectra = self.frames[:count], self.spectra[:count]
        raw, correlation = self.raw[:count], self.correlations[:count]
        windowed = padded[:, : len(self.window)]
        np.subtract(frames, mean[:, None], out=windowed)
        windowed *= self.window
        np.fft.rfft(padded, out=spectra)
        parts = spectra.view(np.float64)
        np.square(parts, out=parts)
        spectra.real += spectra.imag
        spectra.imag = 0.0
        np.fft.irfft(spectra, raw.shape[1], out=raw)
        inner = correlation[:, DEPTH:]
        np.multiply(raw[:, :1], self.spread[: self.lags], out=inner)
        np.divide(raw[:, : self.lags], inner, out=inner)
        correlation[:, :DEPTH] = inner[:, DEPTH:0:-1]
        return correlation


def track(waves: Sequence[FloatArray], analysis: Analysis) -> list[tuple[FloatArray, FloatArray]]:
    """Times (s) and F0 (Hz, 0 where unvoiced) of the frames of each wave, (frames,) each.

    Args:
        waves: finite samples (samples,), each at least as long as the window.
        analysis: for which `possible` holds.
    """
    if not waves:
        return []
    workspace = Workspace(analysis)
    found = [_candidates(wave, workspace) for wave in waves]
    # Praat counts samples from the lowest negative lag, and the tolerance of its search grows with the count.
    lags, strengths, unsure = highest(
        np.concatenate([one.lag for one in found]),
        np.concatenate([one.polynomials for one in found]),
        analysis.half + 1,
    )
    frequencies = 1 / (1 / analysis.sample_rate) / lags
    ends = np.cumsum([len(one.lag) for one in found])[:-1]
    parts = [np.split(values, ends) for values in (frequencies, strengths, unsure)]
    paths = best_paths(
        [
            lattice(one.unvoiced, one.frame, frequency, strength, analysis.ceiling)
            for one, frequency, strength in zip(found, *parts[:2], strict=True)
        ],
        analysis.step,
    )
    for wave, one, path, frequency, doubt in zip(waves, found, paths, parts[0], parts[2], strict=True):
        for i in np.flatnonzero(doubt & (path[one.frame] == frequency)):
            path[one.frame[i]] = by_praat(wave, one.right[one.frame[i]], frequency[i], analysis)
    return [(one.times, path) for one, path in zip(found, paths, strict=True)]


def by_praat(wave: Signal | FloatArray, right: int, near: float, analysis: Analysis) -> float:
    """Praat's own value of a candidate of the frame whose centre is left of the sample `right` (Hz)."""
    import parselmouth

    half = analysis.half + 2
    excerpt = np.zeros(2 * half)
    start, stop = max(right - half, 0), min(right + half, len(wave))
    excerpt[start - (right - half) : stop - (right - half)] = wave[start:stop]
    pitch = parselmouth.Sound(excerpt, analysis.sample_rate).to_pitch(
        time_step=analysis.step, pitch_floor=analysis.floor, pitch_ceiling=analysis.ceiling
    )
    frequencies = [candidate.frequency for candidate in pitch[0].candidates]
    return min(frequencies, key=lambda frequency: abs(frequency - near))


def _candidates(wave: FloatArray, workspace: Workspace) -> Candidates:
    """The maxima of the autocorrelation of each frame that can be the F0."""
    mean = wave.mean()
    whole = max(wave.max() - mean, mean - wave.min())
    return candidates_in(wave - mean, *frame_places(len(wave), workspace.analysis), whole, workspace)


def candidates_in(
    centred: FloatArray, times: FloatArray, right: IntArray, whole: float, workspace: Workspace
) -> Candidates:
    """The same of the frames of a part of an utterance.

    Args:
        centred: the samples that the frames and their longest periods see, less the mean of the utterance, (samples,).
        times: of the frames (s): (frames,).
        right: first of these samples right of each frame's centre: (frames,).
        whole: the utterance's largest magnitude.
        workspace: for the analysis that is asked for.
    """
    analysis, window = workspace.analysis, workspace.window
    half, period = analysis.half, analysis.period
    sums = np.zeros(len(centred) + 1)
    np.cumsum(centred, out=sums[1:])
    mean = (sums[right + period] - sums[right - period]) / (2 * period)
    near = slice(max(half - period // 2 - 1, 0), half + period // 2 + 1)
    # A voiced candidate has a strength of 1 at most, and leaving it out saves or costs two changes of voicing.
    never_voiced = 1 + 2 * VOICING_CHANGE * 0.01 / analysis.step + 1e-6
    unvoiced = np.full(len(times), VOICING + 2)
    wholes, middles = (windows(centred, length) for length in (2 * half, len(window[near])))
    frames_found, lags_found = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    polynomials = [np.zeros((0, 2 * (DEGREE + 1)))]
    for start in range(0, len(times) if whole else 0, PIECE):
        some = slice(start, start + PIECE)
        middle = middles[right[some] - half + near.start]
        middle -= mean[some, None]
        middle *= window[near]
        intensity = np.minimum(np.abs(middle, out=middle).max(axis=1) / whole, 1.0)
        unvoiced[some] = VOICING + np.maximum(0.0, 2 - intensity / (SILENCE / (1 + VOICING)))
        loud = start + np.flatnonzero(unvoiced[some] < never_voiced)
        if len(loud):
            correlation = workspace.autocorrelation(wholes[right[loud] - half], mean[loud])
            frame, lag = _peaks(correlation, analysis)
            frames_found.append(loud[frame])
            lags_found.append(lag)
            polynomials.append(workspace.around[frame, lag] @ interpolation(DEPTH))
    return Candidates(
        times, right, unvoiced, np.concatenate(frames_found), np.concatenate(lags_found), np.concatenate(polynomials)
    )


@lru_cache(maxsize=8)
def fast_length(least: int) -> int:
    """The lowest number from `least` on without prime factors above 5: transforms of that length are fast."""
    return next(length for length in count(least) if 30 ** length.bit_length() % length == 0)


def _peaks(correlation: FloatArray, analysis: Analysis) -> tuple[IntArray, IntArray]:
    """Frames and lags of the maxima that are candidates."""
    first, stop = DEPTH + 2, DEPTH + analysis.longest
    rising = correlation[:, first : stop + 1] > correlation[:, first - 1 : stop]
    maximum = rising[:, :-1] > rising[:, 1:]  # true, then false
    maximum &= correlation[:, first:stop] > 0.5 * VOICING
    frame, lag = np.divmod(np.flatnonzero(maximum), stop - first)
    lag += 2
    places = max(CANDIDATES, floor(analysis.ceiling / analysis.floor)) - 1
    kept = _strongest(correlation, frame, lag, places, analysis)
    # Candidates above the ceiling count as unvoiced ones, of which there is one already.
    kept &= lag > floor(analysis.sample_rate / analysis.ceiling) - 2
    return frame[kept], lag[kept]


def frame_places(samples: int, analysis: Analysis) -> tuple[FloatArray, IntArray]:
    """Centres of the frames (s), as many as fit, symmetric in the utterance; and the first sample right of each."""
    dx = 1 / analysis.sample_rate
    duration = dx * samples
    count = floor((duration - analysis.duration) / analysis.step) + 1
    first = 0.5 * duration - 0.5 * (count * analysis.step) + 0.5 * analysis.step
    times = first + np.arange(count, dtype=np.float64) * analysis.step
    return times, np.floor((times - 0.5 * dx) / dx).astype(np.int64) + 1


@lru_cache(maxsize=8)
def _window(half: int) -> tuple[FloatArray, FloatArray]:
    """The Hann window, and its autocorrelation over that at lag 0 (equations 6 and 8)."""
    length = 2 * half
    window = 0.5 - 0.5 * np.cos(np.arange(1, length + 1) * 2 * np.pi / (length + 1))
    size = fast_length(2 * length)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(window, size)) ** 2, size)[:length]
    return window, correlation / correlation[0]


def _strongest(
    correlation: FloatArray, frame: IntArray, lag: IntArray, places: int, analysis: Analysis
) -> NDArray[np.bool_]:
    """Which maxima are among the `places` strongest of their frame, high frequencies favoured (equation 24)."""
    kept = np.ones(len(frame), np.bool_)
    counts = np.bincount(frame, minlength=len(correlation))
    if counts.max() <= places:
        return kept
    many = np.flatnonzero(counts[frame] > places)
    frame, lag = frame[many], lag[many]
    before, at, after = (correlation[frame, DEPTH + lag + shift] for shift in (-1, 0, 1))
    shift = 0.5 * (after - before) / ((at - before) + (at - after))
    around = _around(correlation, CHOICE_DEPTH)[frame, lag]
    left, right = np.split(around @ interpolation(CHOICE_DEPTH), 2, axis=1)
    polynomials = np.where((shift < 0)[:, None], left, right)
    strength = values(polynomials.T, 2 * shift + np.where(shift < 0, 1.0, -1.0))
    strength = np.where(strength > 1, 1 / strength, strength)
    strength -= OCTAVE * np.log2(analysis.floor * (lag + shift) / analysis.sample_rate)
    order = np.lexsort((-strength, frame))
    rank = np.arange(len(order)) - np.searchsorted(frame, frame)
    kept[many[order[rank >= places]]] = False
    return kept


def _around(correlation: FloatArray, depth: int) -> FloatArray:
    """The autocorrelation from `depth` before to `depth` after each lag: (frames, lags, 2 * depth + 1)."""
    return sliding_window_view(correlation, 2 * depth + 1, axis=1)[:, DEPTH - depth :]
