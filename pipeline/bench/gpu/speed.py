"""Hidden states per second, in batches of several sizes, beside a loop of `transformers` and a device's own rate."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from pipeline.audio.samples import Wave
from pipeline.bench.extraction import RATE
from pipeline.bench.gpu.encoders import (
    finish,
    forget_peak,
    formats,
    length,
    memory_used,
    model_folder,
    states_of,
    utterances,
)
from pipeline.bench.hidden_states import extract_all, one_by_one
from pipeline.bench.product_share import Products
from pipeline.bench.timing import Figure, seconds
from pipeline.features.base import Extractor

SIZES = (60.0, 240.0, 960.0)
"""audio in a batch (s)"""
QUICK_SIZES = (4.0,)
NAMES = ("wav2vec2-base", "whisper-base")
FASTER = 10
"""least ratio to the loop, in the largest batches"""
SHARE = 50
"""least share of the device's rate in products, in the largest batches (%)"""
SQUARE = 8192
"""rows and columns of the matrices whose product gives that rate"""


def measure(device: str, folder: Path, quick: bool) -> list[Figure]:
    """The rate of products, and each encoder beside it, in both formats."""
    rates: dict[str, float] = {compute: _rate(compute, device, quick) for compute in formats(device)}
    size = 512 if quick else SQUARE
    figures = [
        Figure("speed", f"products of {size} x {size}, {compute}", rate / 1e12, "Tflop/s")
        for compute, rate in rates.items()
    ]
    return figures + [figure for name in NAMES for figure in _of(name, rates, device, folder, quick)]


def _rate(compute: str, device: str, quick: bool) -> float:
    """Operations per second in products of square matrices."""
    size = 512 if quick else SQUARE
    product = Products([(size, size, size)], getattr(torch, compute), device, 1)
    for _ in range(3):
        product()
    return product.operations / median(seconds(product) for _ in range(9))


def _of(name: str, rates: dict[str, float], device: str, folder: Path, quick: bool) -> list[Figure]:
    """An encoder in both number formats; the loop is in float32, as users run it."""
    waves, model = utterances(4 if quick else 40), model_folder(name, folder, quick)
    loop = _whisper_loop(model, waves, device) if name == "whisper-base" else one_by_one(model, waves, device)
    loop()
    each = median(seconds(loop) for _ in range(1 if quick else 3)) / len(waves)
    extractor = states_of(name, folder, quick, device)
    work = sum(extractor.pretrained_operations(len(wave)) for wave in waves) / len(waves)
    figures = [Figure("speed", f"{name}: loop of transformers calls", 1 / each, "utterances/s")]
    if name != "whisper-base":  # its log-Mel is a part of its encoder here
        ready = 1 / _preparation(extractor, waves)
        figures.append(Figure("speed", f"{name}: waveforms made ready by the CPU", ready, "utterances/s"))
    for compute, rate in rates.items():
        own = states_of(name, folder, quick, device, compute=compute, precision="float16")
        figures += _batches(f"{name}, {compute}", own, waves, (each, work / rate), device, quick)
    return figures


def _batches(
    name: str, extractor: Extractor[Any], waves: Sequence[Wave], others: tuple[float, float], device: str, quick: bool
) -> list[Figure]:
    """An encoder in one format, in batches of every size.

    Args:
        name: of both.
        extractor: of its hidden states.
        waves: (samples,) each; they are repeated up to the largest batch.
        others: what an utterance takes by the loop, and would at the rate of products (s).
        device: it is on.
        quick: whether once will do.
    """
    sizes = QUICK_SIZES if quick else SIZES
    many = list(waves) * max(1, round(sizes[-1] / length(waves)))
    states, figures = sum(extractor.frames(len(wave)) or 0 for wave in many), []
    for size in sizes:
        extractor.batch_seconds = size
        run = partial(extract_all, extractor, many, size)
        run()
        forget_peak(device)
        taken = median(seconds(run) for _ in range(1 if quick else 3))
        note = f"{states / taken:.0f} states/s, {length(many) / taken:.0f} times real time{memory_used(device)}"
        label, largest = f"{name}, batches of {size:g} s", size == sizes[-1]
        ratio, share = (len(many) * other / taken for other in others)
        figures += [
            Figure("speed", f"{label}: beside the loop", ratio, "times", FASTER if largest else None, note=note),
            Figure("speed", f"{label}: share of products' rate", 100 * share, "%", SHARE if largest else None),
        ]
    return figures


def _preparation(extractor: Any, waves: Sequence[Wave]) -> float:
    """What the CPU does to an utterance before the device has it (s)."""
    encoder = extractor.encoder

    def prepare() -> None:
        for wave in waves:
            encoder.measure(encoder.prepare(wave))

    return median(seconds(prepare) for _ in range(3)) / len(waves)


def _whisper_loop(model: str, waves: Sequence[Wave], device: str) -> Callable[[], list[Any]]:
    """One utterance at a time through the encoder of `transformers`, keeping its own frames of the last block."""
    from transformers import WhisperFeatureExtractor, WhisperModel

    prepare: Any = WhisperFeatureExtractor()
    encoder: Any = WhisperModel.from_pretrained(model).eval().to(device).encoder

    def run() -> list[Any]:
        results = []
        with torch.no_grad():
            for wave in waves:
                mels = prepare(wave, sampling_rate=RATE, return_tensors="pt").input_features.to(device)
                own = encoder(mels).last_hidden_state[0, : -(-len(wave) // 320)]
                results.append(own.cpu().numpy())
        finish(device)
        return results

    return run
