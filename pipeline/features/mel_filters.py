"""Mel filters: librosa's to the bit, without the second that importing it takes.

Slaney's mel scale is that of his Auditory Toolbox (Interval Research Technical Report 1998-010): linear up to 1 kHz,
logarithmic above. HTK's is equation 5.13 of the HTK Book.
"""

import warnings

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LINEAR = 200.0 / 3
"""a mel below `KNEE` (Hz)"""
KNEE = 1000.0
"""where the scale becomes logarithmic (Hz)"""
STEP = np.log(6.4) / 27.0
"""a mel above `KNEE` (natural logarithm of the frequency)"""


def mel_filters(
    sample_rate: int, n_fft: int, n_mels: int, f_min: float, f_max: float | None, htk: bool
) -> NDArray[np.float32]:
    """The filters of `librosa.filters.mel`: triangles of equal area, (n_mels, 1 + n_fft / 2).

    Args:
        sample_rate: Hz.
        n_fft: length of the Fourier transform (samples).
        n_mels: number of filters.
        f_min: where the lowest begins (Hz).
        f_max: where the highest ends (Hz); None is half the rate.
        htk: HTK's mel scale instead of Slaney's.
    """
    edges = _mel_frequencies(n_mels + 2, f_min, sample_rate / 2 if f_max is None else f_max, htk)
    widths = np.diff(edges)
    distances = np.subtract.outer(edges, np.fft.rfftfreq(n_fft, 1.0 / sample_rate))
    rising = -distances[:-2] / widths[:-1, None]
    falling = distances[2:] / widths[1:, None]
    filters = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    filters *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    if not ((edges[:-2] == 0) | (filters.max(axis=1) > 0)).all():
        warnings.warn("some mel bands are narrower than a bin and stay empty: take fewer n_mels", stacklevel=2)
    return filters


def _mel_frequencies(count: int, low: float, high: float, htk: bool) -> FloatArray:
    """Frequencies (Hz) equally far from each other in mels, (count,)."""
    to_mel, to_hertz = (_htk_mels, _htk_hertz) if htk else (_slaney_mels, _slaney_hertz)
    first, last = to_mel(np.array([low, high], np.float64))
    return to_hertz(np.linspace(first, last, count))


def _htk_mels(hertz: FloatArray) -> FloatArray:
    mels: FloatArray = 2595.0 * np.log10(1.0 + hertz / 700.0)
    return mels


def _htk_hertz(mels: FloatArray) -> FloatArray:
    hertz: FloatArray = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
    return hertz


def _slaney_mels(hertz: FloatArray) -> FloatArray:
    mels, above = hertz / LINEAR, hertz >= KNEE
    mels[above] = KNEE / LINEAR + np.log(hertz[above] / KNEE) / STEP
    return mels


def _slaney_hertz(mels: FloatArray) -> FloatArray:
    hertz, above = LINEAR * mels, mels >= KNEE / LINEAR
    hertz[above] = KNEE * np.exp(STEP * (mels[above] - KNEE / LINEAR))
    return hertz
