"""Hidden states on a device: beside the CPU's, one by one, in bfloat16, with TensorFloat-32, and twice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from pipeline.audio.samples import Wave
from pipeline.bench.gpu.encoders import NAMES, difference, formats, on_cuda, states_of, utterances
from pipeline.bench.timing import Figure
from pipeline.features.base import Extractor, Streams

EXACT = 1e-4
"""largest relative difference in float32; TensorFloat-32 makes about 1e-3"""
HALF = 0.05
"""largest relative difference in bfloat16; rounding makes 0.003 to 0.02"""
COUNT = 16


def measure(device: str, folder: Path, quick: bool) -> list[Figure]:
    """Relative differences, the largest over utterances and layers, of each encoder."""
    waves = utterances(4 if quick else COUNT)
    return [figure for name in NAMES for figure in _of(name, device, folder, waves, quick)]


def _of(name: str, device: str, folder: Path, waves: Sequence[Wave], quick: bool) -> list[Figure]:
    exact = states_of(name, folder, quick, device)
    batch = exact.extract(waves)
    few = waves[:3]
    found = {
        "beside the CPU": (difference(batch[:3], states_of(name, folder, quick, "cpu").extract(few)), EXACT),
        "batch beside one by one": (difference(batch, [exact.extract([wave])[0] for wave in waves]), EXACT),
        "twice": (difference(exact.extract(waves), batch), 1e-12),
    }
    figures = [_figure(f"{name}: {what}", value, below) for what, (value, below) in found.items()]
    if "bfloat16" in formats(device):
        figures.append(_in_half(name, device, folder, waves, batch, quick))
    return [*figures, _with_tf32(name, exact, waves, batch)] if on_cuda(device) else figures


def _in_half(
    name: str, device: str, folder: Path, waves: Sequence[Wave], batch: Sequence[Streams], quick: bool
) -> Figure:
    half = states_of(name, folder, quick, device, compute="bfloat16").extract(waves)
    return _figure(f"{name}: bfloat16 beside float32", difference(half, batch), HALF)


def _with_tf32(name: str, exact: Extractor[Any], waves: Sequence[Wave], batch: Sequence[Streams]) -> Figure:
    """What products in TensorFloat-32 would make of float32: they are off unless a user turns them on."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        value = difference(exact.extract(waves), batch)
    finally:
        torch.set_float32_matmul_precision(before)
    note = f"torch.get_float32_matmul_precision() was {before!r}; convolutions in float32 always"
    return Figure("correctness", f"{name}: with TensorFloat-32 products, were they on", value, "", note=note)


def _figure(name: str, value: float, below: float) -> Figure:
    return Figure("correctness", name, value, "", below=below, check=True)
