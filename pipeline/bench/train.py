"""`ser bench train`: the wav2vec 2.0 branch, cached and end to end; epochs, also compiled; a probe of a large table."""

import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from pipeline.bench.compiling import compiled
from pipeline.bench.epochs import epochs
from pipeline.bench.extraction import QUICK_ENCODER, corpus, make, run
from pipeline.bench.parts import Parts
from pipeline.bench.probe import probe
from pipeline.bench.timing import Figure

TRAINED = 3
"""blocks that train, the last ones"""
BATCH = 16
EMOTIONS = ("angry", "happy", "neutral", "sad")


def encoder(folder: Path, quick: bool) -> str:
    """Save a wav2vec 2.0 encoder with random weights, of the size and dropout of facebook/wav2vec2-base; its folder."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2Model
    from transformers.utils import logging

    logging.disable_progress_bar()
    options: dict[str, Any] = QUICK_ENCODER if quick else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        Wav2Vec2Model(Wav2Vec2Config(activation_dropout=0.0, **options)).save_pretrained(folder / "encoder")
    return str(folder / "encoder")


def prepare(folder: Path, count: int, length: float, model: str, layer: int) -> dict[str, Any]:
    """Views of `count` utterances of `length` s: their waveforms, and a layer's hidden states in full precision."""
    from pipeline.storage.feature_file import FeatureFile
    from pipeline.systems.view import View

    audio = corpus(folder / "audio.h5", count, length)
    run(make("waveform"), audio, folder / "waveform.h5")
    run(make("ssl", model=model, layers=(layer,), precision="float32"), audio, folder / "ssl.h5")
    return {role: View(audio.keys, {role: [FeatureFile(folder / f"{role}.h5")]}) for role in ("waveform", "ssl")}


def systems(model: str, layer: int, **training: Any) -> dict[str, tuple[str, Any]]:
    """Name -> the role it reads, and the untrained classifier."""
    from pipeline.systems.wav2vec import Wav2vecBranch
    from pipeline.systems.wav2vec_end_to_end import Wav2vecEndToEnd

    options = {"patience": 0, "batch_size": BATCH, "schedule": "constant", **training}
    whole = {**options, "model": model, "unfreeze_blocks": TRAINED}
    return {
        "cached": ("ssl", Wav2vecBranch(layer=layer, **options)),
        "frozen": ("waveform", Wav2vecEndToEnd(train_projection=False, **whole)),
        "paper": ("waveform", Wav2vecEndToEnd(train_projection=True, **whole)),
    }


def steps(folder: Path, quick: bool) -> list[Figure]:
    """Time of a training step of each, one batch an epoch; the first epoch of a training is not counted."""
    model, layer = encoder(folder, quick), _layer(quick)
    views = prepare(folder, BATCH, 0.5 if quick else 3.0, model, layer)
    labels = [EMOTIONS[i % len(EMOTIONS)] for i in range(BATCH)]
    times: dict[str, list[float]] = {}
    for _ in range(1 if quick else 3):  # in turns, so that a busy spell of the machine falls on all of them
        for name, (role, classifier) in systems(model, layer, epochs=3).items():
            ends: list[float] = []
            classifier.fit(views[role], labels, on_epoch=lambda ends=ends: ends.append(time.perf_counter()))
            times.setdefault(name, []).extend(b - a for a, b in pairwise(ends))
    step = {name: median(values) for name, values in times.items()}
    size = "a toy encoder, not representative" if quick else "random weights of wav2vec2-base's size"
    note = f"batches of {BATCH} utterances of {0.5 if quick else 3} s, {TRAINED} blocks train, {size}"
    return [
        Figure("step", f"from cached layer {layer}", step["cached"], "s", note=note),
        Figure("step", "end to end, projection frozen", step["frozen"], "s"),
        Figure("step", "end to end, projection trained (paper)", step["paper"], "s"),
        Figure("step", "projection frozen, of cached", step["frozen"] / step["cached"], "times", at_least=2.5),
        Figure("step", "paper's, of cached", step["paper"] / step["cached"], "times", at_least=3.5),
    ]


def curves(folder: Path, quick: bool) -> list[Figure]:
    """Loss curves of the cached and of the end-to-end training, without dropout and with the projection frozen."""
    model, layer = encoder(folder, quick), _layer(quick)
    views = prepare(folder, BATCH, 0.5 if quick else 1.0, model, layer)
    labels = [EMOTIONS[i % len(EMOTIONS)] for i in range(BATCH)]
    plain = {"epochs": 5, "batch_size": BATCH // 4, "dropout": 0.0, "backbone_dropout": 0.0}
    losses = {}
    for name, (role, classifier) in systems(model, layer, **plain).items():
        if name != "paper":
            history = classifier.fit(views[role], labels).history_
            losses[name] = [row["train_loss"] for row in history]
    apart = max(abs(a - b) / a for a, b in zip(losses["cached"], losses["frozen"], strict=True))
    note = " and ".join(f"{' '.join(f'{loss:.6f}' for loss in curve)} ({name})" for name, curve in losses.items())
    return [Figure("curve", "largest difference of the loss", 100 * apart, "%", below=0.01, note=note)]


def _layer(quick: bool) -> int:
    blocks: int = QUICK_ENCODER["num_hidden_layers"] if quick else 12
    return blocks - TRAINED


PARTS: Parts = {
    "steps": steps,
    "curves": curves,
    "probe": probe,
    "epochs": epochs,
    "compile": compiled,
}
