"""How far a graph's probabilities are from ours, on clips of several lengths and on recordings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.samples import Wave, to_float, to_pcm16
from pipeline.evaluation.scores import scores
from pipeline.serving.onnx.graph import Session

Probabilities = NDArray[np.floating]
Labels = NDArray[np.int64]

LENGTHS = (0.11, 0.7301, 3.0, 7.77)
"""of the clips (s)"""
TOLERANCE = 1e-4
"""by which a probability may differ, of a graph in float32"""


@dataclass(frozen=True)
class Agreement:
    """What was compared.

    Attributes:
        clips: how many.
        difference: the largest of a probability.
        same: the share of clips with the same likeliest class.
    """

    clips: int
    difference: float
    same: float


@dataclass(frozen=True)
class OnRecordings:
    """What was compared on recordings with labels.

    Attributes:
        agreement: over them.
        ours: the mean recall (UA) of the models.
        theirs: that of the graph.
    """

    agreement: Agreement
    ours: float
    theirs: float


def clips(rate: int, longest: float) -> list[Wave]:
    """Clips that are the same every time: a voice-like sum of harmonics whose pitch and loudness change, and noise.

    Args:
        rate: sampling rate (Hz).
        longest: of a clip (s).
    """
    lengths = [round(min(seconds, longest) * rate) for seconds in LENGTHS]
    return [to_float(to_pcm16(_clip(samples, rate, number))) for number, samples in enumerate(lengths)]


def _clip(samples: int, rate: int, seed: int) -> NDArray[np.float64]:
    rng, time = np.random.default_rng(seed), np.arange(samples) / rate
    pitch = 110 + 40 * seed + 30 * np.sin(2 * np.pi * 1.3 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(np.sin(k * phase) / k for k in range(1, 20))
    loudness = 0.15 * (0.6 + 0.4 * np.sin(2 * np.pi * 3.1 * time + seed))
    return np.asarray(loudness * voice + rng.normal(0, 0.003, samples))


def agreement(graph: bytes, samples: Sequence[Wave], wanted: Probabilities) -> Agreement:
    """A graph beside what is wanted: the probabilities (N, classes) of clips (n,)."""
    return _compared(_given(graph, samples), wanted)


def on_recordings(graph: bytes, samples: Sequence[Wave], wanted: Probabilities, labels: Labels) -> OnRecordings:
    """A graph beside what is wanted of recordings, whose labels (N,) are numbers of classes."""
    given = _given(graph, samples)
    ours, theirs = (scores(labels, rows.argmax(axis=1))["UA"] for rows in (wanted, given))
    return OnRecordings(_compared(given, wanted), ours, theirs)


def _given(graph: bytes, samples: Sequence[Wave]) -> Probabilities:
    session = Session(graph)
    return np.stack([session.probabilities(clip) for clip in samples])


def _compared(given: Probabilities, wanted: Probabilities) -> Agreement:
    same = given.argmax(axis=1) == wanted.argmax(axis=1)
    return Agreement(len(wanted), float(np.abs(given - wanted).max()), float(same.mean()))
