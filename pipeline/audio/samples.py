"""Samples: 16-bit integers and floats, and other sampling rates."""

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float32]
"""One utterance: mono samples in [-1, 1), shape (samples,)."""

RATES = {"16k": 16000, "48k": 48000}
"""file name in an audio folder -> sampling rate (Hz)"""

FULL_SCALE = 32768.0
"""a 16-bit sample of 1.0"""


def resample(samples: NDArray[np.float64], source: int, target: int) -> NDArray[np.float64]:
    """Resample (samples,) from `source` to `target` Hz with soxr at very high quality; equal rates change nothing."""
    if source == target:
        return samples
    import soxr

    return np.asarray(soxr.resample(samples, source, target, quality="VHQ"))


def to_pcm16(samples: NDArray[np.float64] | Wave) -> NDArray[np.int16]:
    """Round [-1, 1] to 16 bits; a 16-bit recording comes back as it was. Louder samples are clipped."""
    return np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def to_float(pcm: NDArray[np.int16]) -> Wave:
    """16-bit samples of any shape as (samples,) float32 in [-1, 1)."""
    return np.asarray(pcm, np.float32).reshape(-1) / np.float32(FULL_SCALE)
