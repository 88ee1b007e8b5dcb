"""The five systems, features of the papers' shapes, and a training on them of which an epoch is timed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.bench.extraction import RATE
from pipeline.storage.source import Arrays
from pipeline.systems import systems
from pipeline.systems.view import View

COUNT = 32
"""utterances of a training part"""
QUICK_COUNT = 8
EMOTIONS = ("angry", "happy", "neutral", "sad")


@dataclass(frozen=True)
class Trained:
    """A system, and what it is trained on.

    Attributes:
        name: in `ser systems`.
        shapes: role -> shape of an utterance's features, (frames, dims).
        toy: params of one, to be quick.
    """

    name: str
    shapes: Mapping[str, tuple[int, int]]
    toy: Mapping[str, Any] = field(default_factory=dict)


STATES, LAYERS = (150, 768), ("layer_01", "layer_09")
SYSTEMS = {
    "CAF": Trained("caf", {"logmel": (224, 224), "ssl": STATES}),
    "CA-SER": Trained(
        "ca_ser",
        {"mfcc": (300, 40), "ssl": STATES},
        {"width": 16, "lstm_units": 8, "heads": 2, "head_width": 8, "feed_forward": 16},
    ),
    "HuMP-CAT": Trained("hump_cat", {"mfcc": (349, 39), "prosody": (1, 103), "ssl": (349, 768)}),
    "dual branch, spectrogram": Trained("spectrogram", {"logmel": (278, 128)}),
    "dual branch, wav2vec 2.0": Trained("wav2vec", {"ssl": STATES}, {"layer": 1}),
    "SERCT": Trained(
        "serct",
        {"waveform": (48000, 1)},
        {"channels": 8, "width": 16, "heads": 2, "feed_forward": 16, "depth": 1},
    ),
}


def emotions(count: int) -> list[str]:
    """The labels of `count` utterances, in turns."""
    return [EMOTIONS[i % len(EMOTIONS)] for i in range(count)]


def train(
    label: str,
    view: View,
    labels: list[str],
    device: str,
    quick: bool,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float, Any]:
    """Train a system for two epochs without dropout: the second's time (s), the first's loss, and what was trained."""
    system = untrained(label, 2, device, quick)
    return epoch_times(system, view, labels, clock)[1], float(system.history_[0]["train_loss"]), system


def untrained(label: str, epochs: int, device: str, quick: bool) -> Any:
    """A system without dropout, to be trained for so many epochs."""
    trained = SYSTEMS[label]
    cls = systems()[trained.name].load()
    plain = {key: 0.0 for key in cls.Params.model_fields if "dropout" in key}
    return cls(epochs=epochs, patience=0, device=device, **plain, **(trained.toy if quick else {}))


def epoch_times(system: Any, view: View, labels: list[str], clock: Callable[[], float]) -> list[float]:
    """Train a system: the time of each epoch (s), of the first with all that comes before it."""
    ends = [clock()]
    system.fit(view, labels, on_epoch=lambda: ends.append(clock()))
    return [end - start for start, end in pairwise(ends)]


def features(label: str, model: str, count: int, quick: bool) -> View:
    """Noise in the shapes of a system's features, for `count` utterances.

    Hidden states are those of the encoder in the folder `model`, whose last blocks may be trained.
    """
    rng, keys = np.random.default_rng(0), [f"u{i:03d}" for i in range(count)]
    sources: dict[str, list[Any]] = {}
    for role, (frames, dims) in SYSTEMS[label].shapes.items():
        shape = (
            count,
            frames // 6 if quick and role == "waveform" else frames,
            32 if quick and role == "ssl" else dims,
        )
        streams = {name: _noise(rng, shape) for name in (LAYERS if role == "ssl" else ("values",))}
        params = {"model": model, "seed": 0} if role == "ssl" else {}
        sources[role] = [Arrays(streams, keys, role, params, RATE if role == "waveform" else 50.0)]
    return View(keys, sources)


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return rng.standard_normal(shape).astype(np.float32)
