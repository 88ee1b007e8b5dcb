"""A package of the name of openSMILE's, whose values say what they are of, and something to measure."""

from types import SimpleNamespace

import numpy as np
from conftest import tone

from pipeline.audio.samples import to_pcm16
from pipeline.features.opensmile import SETS


class Smile:
    """Counts: 0, 1, 2, ... and then the utterance's samples."""

    def __init__(self, feature_set, level):
        self.width = dict(SETS.values())[feature_set]

    def __call__(self, wave, rate):
        return np.append(np.arange(self.width - 1), len(wave)).astype(np.float32)[np.newaxis, :, np.newaxis]


def toy_package():
    """The package, to stand in `sys.modules`."""
    return SimpleNamespace(
        __version__="9.1.0",
        Smile=Smile,
        FeatureSet={name: name for name, _ in SETS.values()},
        FeatureLevel=SimpleNamespace(Functionals="func"),
    )


def voice(seconds, rate=16000, seed=0):
    """Something like a voice, with noise: 16-bit samples."""
    rng = np.random.default_rng(seed)
    wave = sum(tone(seconds, 140 * k, rate, 0.2 / k) for k in range(1, 12))
    return to_pcm16(wave + 0.01 * rng.standard_normal(len(wave)))
