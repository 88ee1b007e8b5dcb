"""Hidden states beside a loop of whole `transformers` models; what they take at several batch sizes; a GPU's share."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from pipeline.audio.samples import Wave
from pipeline.bench.extraction import LAYERS, RATE, encoder
from pipeline.bench.timing import Figure, Skipped, interleaved, seconds
from pipeline.features.base import Extractor

SIZES = (10.0, 30.0, 60.0)
"""audio in a batch (s)"""
GPU_SIZES = (60.0, 240.0, 960.0)
PRODUCT = 8192
"""rows and columns of the matrices whose product gives a GPU's rate"""
CPU_COUNT = 12
"""utterances on the CPU: each takes about half a second"""


def on_cpu(folder: Path, waves: Sequence[Wave], quick: bool) -> list[Figure]:
    """Layers 1 and 9 of an encoder of base size with random weights, on one core."""
    model, waves = encoder(folder, quick), waves[: 2 if quick else CPU_COUNT]
    extractor, loop = _ours(model, "cpu"), _loop(model, waves, "cpu")
    error = max(
        float(np.abs(mine["layer_09"].astype(np.float32) - other).max())
        for mine, other in zip(_extract(extractor, waves, 60.0), loop(), strict=True)
    )
    times = interleaved({"loop": loop, "ours": lambda: _extract(extractor, waves, 60.0)}, 1 if quick else 3)
    each = {name: time / len(waves) for name, time in times.items()}
    note = f"{each['ours']:.3g} s an utterance, loop {each['loop']:.3g} s; {_said(quick)}"
    figures = [
        Figure("ssl", "beside a loop of 12 blocks", each["loop"] / each["ours"], "times", 1.25, note=note),
        Figure("ssl", "largest difference from the loop", error, "", note="in half precision, as stored"),
    ]
    length = sum(map(len, waves)) / RATE
    for size in SIZES[:1] if quick else SIZES:
        _reset_peak()
        taken = seconds(partial(_extract, extractor, waves, size))
        note = f"{taken / length:.3g} of real time; peak memory of the process {_peak()}"
        figures.append(Figure("ssl", f"batches of {size:g} s", length / taken, "times real time", note=note))
    return figures


def on_gpu(folder: Path, waves: Sequence[Wave], quick: bool) -> list[Figure]:
    """The same on a GPU, with the share of its rate in matrix products that the extraction reaches.

    Raises:
        Skipped: there is no GPU.
    """
    import torch

    if not torch.cuda.is_available():
        raise Skipped("this machine has no GPU that torch can use")
    model = encoder(folder, quick)
    many = list(waves) * (1 if quick else max(1, round(960 / (sum(map(len, waves)) / RATE))))
    length = sum(map(len, many)) / RATE
    loop = _loop(model, waves, "cuda")
    per_second = median(seconds(loop) for _ in range(2 if quick else 4)) / (sum(map(len, waves)) / RATE)
    work = sum(operations(len(wave), max(LAYERS), quick) for wave in many)
    name = torch.cuda.get_device_name()
    figures = []
    for compute in ("float32", "bfloat16"):
        extractor = _ours(model, "cuda", compute)
        rate = product_rate(getattr(torch, compute), 512 if quick else PRODUCT)
        for size in GPU_SIZES[:1] if quick else GPU_SIZES:
            extractor.batch_seconds = size
            _extract(extractor, many, size)
            torch.cuda.reset_peak_memory_stats()
            taken = median(seconds(partial(_extract, extractor, many, size)) for _ in range(3))
            memory = torch.cuda.max_memory_allocated() / 1e9
            largest = size == GPU_SIZES[-1]
            label = f"{compute}, batches of {size:g} s"
            note = f"{taken / length:.2g} of real time; peak memory {memory:.2f} GB; {name}; {_said(quick)}"
            figures += [
                Figure("gpu", label, per_second * length / taken, "times", 10 if largest else None, note=note),
                Figure("gpu", f"{label}: share", 100 * work / taken / rate, "%", 50 if largest else None),
            ]
        note = f"{rate / 1e12:.1f} Tflop/s in a product of {PRODUCT} x {PRODUCT} matrices"
        figures.append(Figure("gpu", f"{compute}: rate", rate / 1e12, "Tflop/s", note=note))
    return figures


def operations(samples: int, blocks: int, quick: bool = False) -> float:
    """Floating-point operations of the products in an encoder of base size up to a block, for one utterance.

    Convolutions, projections, attention and feed-forward layers; two operations for a multiplication and an addition.
    """
    from transformers import Wav2Vec2Config

    from pipeline.bench.extraction import QUICK_ENCODER

    config: Any = Wav2Vec2Config(**(QUICK_ENCODER if quick else {}))
    products, channels, length = 0, 1, samples
    for width, kernel, stride in zip(config.conv_dim, config.conv_kernel, config.conv_stride, strict=True):
        length = (length - kernel) // stride + 1
        products += length * width * channels * kernel
        channels = width
    hidden = config.hidden_size
    products += length * channels * hidden
    products += length * hidden * hidden // config.num_conv_pos_embedding_groups * config.num_conv_pos_embeddings
    block = length * hidden * (4 * hidden + 2 * config.intermediate_size) + 2 * length * length * hidden
    return 2.0 * (products + blocks * block)


def product_rate(dtype: Any, size: int) -> float:
    """Operations per second of the GPU in products of square matrices, the median of several."""
    import torch

    left, right = (torch.randn(size, size, device="cuda").to(dtype) for _ in range(2))

    def product() -> None:
        left @ right
        torch.cuda.synchronize()

    for _ in range(3):
        product()
    return 2 * size**3 / median(seconds(product) for _ in range(9))


def _ours(model: str, device: str, compute: str = "float32") -> Extractor[Any]:
    from pipeline.features import find_extractor

    cls = find_extractor("ssl")
    return cls(cls.Params(model=model, layers=LAYERS, compute=compute), device)  # type: ignore[call-arg]


def _extract(extractor: Extractor[Any], waves: Sequence[Wave], size: float) -> list[dict[str, Any]]:
    """All waves, by length in batches of `size` s as extraction makes them; results in the order given."""
    order = sorted(range(len(waves)), key=lambda i: -len(waves[i]))
    results: dict[int, dict[str, Any]] = {}
    while order:
        batch: list[int] = []
        filled = 0.0
        while order and (not batch or filled + len(waves[order[0]]) / RATE <= size):
            filled += len(waves[order[0]]) / RATE
            batch.append(order.pop(0))
        results.update(zip(batch, extractor.extract([waves[i] for i in batch]), strict=True))
    return [results[i] for i in range(len(waves))]


def _loop(model: str, waves: Sequence[Wave], device: str) -> Callable[[], list[Any]]:
    """One utterance at a time through all blocks, keeping layer 9: what users run today."""
    import torch
    from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

    prepare: Any = Wav2Vec2FeatureExtractor()
    whole: Any = Wav2Vec2Model.from_pretrained(model).eval().to(device)

    def run() -> list[Any]:
        results = []
        with torch.no_grad():
            for wave in waves:
                values = prepare(wave, sampling_rate=RATE, return_tensors="pt").input_values.to(device)
                out = whole(values, output_hidden_states=True)
                results.append(out.hidden_states[max(LAYERS)][0].cpu().numpy())
        return results

    return run


def _said(quick: bool) -> str:
    return "a toy encoder, not representative" if quick else "random encoder of wav2vec2-base's size"


def _reset_peak() -> None:
    """Let the process's peak memory start anew (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def _peak() -> str:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return "unknown here"
    kilobytes = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
    return f"{kilobytes / 1e6:.2f} GB"
