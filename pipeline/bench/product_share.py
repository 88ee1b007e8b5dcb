"""What share of a processor's own rate in matrix products a speech encoder reaches, and where its time goes."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.functional import linear
from torch.utils._python_dispatch import TorchDispatchMode

from pipeline.audio.samples import Wave
from pipeline.bench.timing import Figure, interleaved
from pipeline.features.base import Extractor
from pipeline.jobs.kernels import ProductsByOneDNN, fastest

TARGET = 85
"""least share in float32 (%)"""
WORK = 2e10
"""operations of products that the rate is measured on, at least"""
GROUPS = {
    "attention": ("scaled_dot_product", "softmax", "bmm", "matmul"),
    "convolutions": ("convolution", "conv1d", "conv2d"),
    "linear layers": ("mm", "linear"),
    "GELU": ("gelu",),
    "norms": ("norm",),
    "sums": ("add", "mul", "sub"),
    "copies": ("copy", "clone", "cat", "contiguous"),
}
"""what an encoder computes -> what names of torch's operations for it have; the first that fits"""

Extract = Callable[[Extractor[Any], Sequence[Wave]], object]


class Products:
    """Products of matrices (rows, inner) and (inner, columns), some rounds of them, by the kernel that is fastest."""

    def __init__(self, shapes: Sequence[tuple[int, int, int]], dtype: torch.dtype, device: str, work: float) -> None:
        self.shapes, self.device = shapes, torch.device(device)
        self.factors = [
            (torch.randn(rows, inner).to(self.device, dtype), torch.randn(columns, inner).to(self.device, dtype).T)
            for rows, inner, columns in shapes
        ]
        self.results = [left.new_empty(rows, columns) for (rows, _, columns), (left, _) in self._paired()]
        self.rounds = max(1, round(work / self._once()))

    @property
    def operations(self) -> float:
        """Floating-point operations of a call; a multiplication and an addition are two."""
        return self.rounds * self._once()

    def __call__(self) -> None:
        """Compute them, and wait for the device."""
        with torch.inference_mode(), fastest(self.results[0].dtype, self.device.type) as kernel:
            for _ in range(self.rounds):
                for (left, right), result in zip(self.factors, self.results, strict=True):
                    if isinstance(kernel, ProductsByOneDNN):
                        linear(left, right.T)
                    else:
                        torch.mm(left, right, out=result)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _once(self) -> float:
        return float(sum(2 * rows * inner * columns for rows, inner, columns in self.shapes))

    def _paired(self) -> Any:
        return zip(self.shapes, self.factors, strict=True)


class OperationTimes(TorchDispatchMode):
    """Adds up the time of each of torch's operations on the CPU (s)."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, float] = defaultdict(float)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and note its time."""
        start = time.process_time()
        result = func(*args, **(kwargs or {}))
        self.seconds[func._schema.name] += time.process_time() - start
        return result


def linear_shapes(extractor: Extractor[Any], samples: int, utterances: int = 1) -> list[tuple[int, int, int]]:
    """The products of a block's linear layers for utterances of `samples` samples: (rows, inner, columns) each."""
    encoder: Any = extractor.encoder  # type: ignore[attr-defined]
    rows = utterances * encoder.cost(samples) // encoder.hop
    block = next(part for part in encoder.parts if isinstance(part, nn.ModuleList))[0]
    return [(rows, one.in_features, one.out_features) for one in block.modules() if isinstance(one, nn.Linear)]


def product_shares(
    encoders: Mapping[str, tuple[Extractor[Any], Sequence[Wave]]], extract: Extract, repeats: int
) -> list[Figure]:
    """The operations of each encoder in its time, beside the rate of products such as those of its linear layers.

    Time is the processor's, as what others take of a machine that is shared would count for products or for the
    encoder alone. Operations are those of the layers up to the last one kept, by shape, without padding.

    Args:
        encoders: name -> an extractor of hidden states on the CPU, and utterances at 16 kHz, (samples,) each.
        extract: runs one over the utterances.
        repeats: how often each is timed.
    """
    figures = []
    for name, (extractor, waves) in encoders.items():
        compute = extractor.params.compute
        shapes = linear_shapes(extractor, sum(map(len, waves)) // len(waves))
        products = Products(shapes, getattr(torch, compute), "cpu", WORK if repeats > 1 else 1)
        tasks: dict[str, Callable[[], Any]] = {"products": products, "encoder": partial(extract, extractor, waves)}
        times = interleaved(tasks, repeats, clock=time.process_time)
        work = sum(extractor.pretrained_operations(len(wave)) for wave in waves)
        rate, peak = work / times["encoder"], products.operations / times["products"]
        note = f"{rate / 1e9:.3g} of {peak / 1e9:.3g} Gflop/s; {_where(extractor, waves, extract)}"
        least = TARGET if compute == "float32" else None
        figures.append(Figure("ssl", f"{name}: share of products' rate", 100 * rate / peak, "%", least, note=note))
    return figures


def _where(extractor: Extractor[Any], waves: Sequence[Wave], extract: Extract) -> str:
    """The shares of the time of what an encoder computes, in words, the largest first."""
    with OperationTimes() as times:
        start = time.process_time()
        extract(extractor, waves)
        total = time.process_time() - start
    spent: dict[str, float] = defaultdict(float)
    for operation, taken in times.seconds.items():
        group = next((name for name, words in GROUPS.items() if any(word in operation for word in words)), "other")
        spent[group] += taken
    spent["other"] += total - sum(spent.values())
    return ", ".join(
        f"{name} {100 * taken / total:.0f} %" for name, taken in sorted(spent.items(), key=lambda one: -one[1])
    )
