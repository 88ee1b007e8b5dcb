"""A sound that detectors of voice take for one."""

import numpy as np


def buzz(seconds, amplitude=0.5, rate=16000):
    """Syllables of a vowel, (samples,): harmonics of 120 Hz below formants at 700 and 1200 Hz, four times a second."""
    time = np.arange(round(seconds * rate)) / rate
    harmonics = 120 * np.arange(1, 25)
    weights = sum(1 / (1 + ((harmonics - formant) / 120) ** 2) for formant in (700, 1200))
    vowel = weights @ np.sin(2 * np.pi * harmonics[:, None] * time)
    syllables = np.abs(np.sin(4 * np.pi * time))
    return amplitude * vowel / np.abs(vowel).max() * syllables
