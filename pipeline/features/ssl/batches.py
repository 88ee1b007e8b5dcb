"""Running a speech encoder in bounded memory: long recordings in windows, in forward passes that the device can hold.

A recording longer than `size` is cut into windows of `size` that overlap by twice `CONTEXT`; the frames within
`CONTEXT` of a seam are taken from the window that sees further past it. The windows start on the encoder's grid of
frames, so frame t of the recording is computed at the same samples as in the whole, and there are as many frames.

Only attention reaches no further than its window. The waveform is normalised, and so is the first convolution of base
wav2vec 2.0-like models, over the whole recording; convolutions and position embeddings reach less than `CONTEXT`, so
layer 0 is that of the whole. Whisper, which never sees more than 30 s, takes each window's log-Mel by itself.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from pipeline.audio.samples import Signal, Wave
from pipeline.errors import UserError
from pipeline.features.ssl.pooling import Keep, Rows
from pipeline.jobs.kernels import fastest
from pipeline.jobs.number_format import NETWORK, check_near
from pipeline.jobs.torch_errors import first_line, lower_format, out_of_memory

CONTEXT = 2.0
"""Audio that a window sees on either side of the frames kept of it (s)."""

Compute = Literal["float32", "bfloat16", "float16"]
"""Linear layers in int8, quantised dynamically, are left out: their scale is of a whole batch, so that states depend on
what else is in it; `ser bench features --only ssl` has their speed and how far states are off."""

BFLOAT16 = ("amx_bf16", "avx512_bf16", "bf16")
"""what a processor that has bfloat16 is said to be capable of; the last is Arm's"""


@dataclass(frozen=True)
class Piece:
    """What is encoded at once: an utterance or a window of it, (samples,), and what was measured of the whole."""

    wave: Wave
    whole: Any = None


class Encoder(Protocol):
    """A family of speech encoders, with its weights."""

    @property
    def depth(self) -> int:
        """Number of blocks."""

    @property
    def hidden_size(self) -> int:
        """Dimensions of a hidden state."""

    @property
    def hop(self) -> int:
        """Samples per frame."""

    @property
    def first_frame(self) -> float:
        """Centre of the first frame (samples)."""

    @property
    def longest(self) -> int | None:
        """Samples that the model can take at once; None for any number."""

    @property
    def identity(self) -> object:
        """What the states depend on besides the weights and the waveform: for the digest, so fit for JSON."""

    @property
    def parts(self) -> Sequence[nn.Module]:
        """What of the model `states` runs."""

    @property
    def lowered(self) -> Sequence[nn.Module]:
        """What of these parts computes its products in the number format asked for; the others in single precision."""

    @property
    def network(self) -> nn.Module:
        """The module of `transformers` that has these parts; its own forward pass takes one tensor."""

    def shape(self, samples: int) -> tuple[int, ...]:
        """The shape of that tensor, for a piece that costs `samples` samples; see `cost`."""

    def prepare(self, wave: Signal) -> Signal:
        """What is done to a whole utterance (samples,) before it is cut into windows."""

    def measure(self, wave: Signal) -> Any:
        """What its windows need to know of a whole utterance (samples,), prepared."""

    def cost(self, samples: int) -> int:
        """Samples that are computed for a piece of `samples` samples."""

    def frames(self, samples: int) -> int:
        """How many frames an utterance of `samples` samples has."""

    def states(self, pieces: Sequence[Piece], layers: Sequence[int]) -> tuple[dict[int, Tensor], list[int]]:
        """Layer -> hidden states (batch, frames, hidden size), and how many frames of each piece are real."""


@dataclass(frozen=True)
class Window:
    """Part of an utterance: samples [start, stop), of whose frames [first, last) are kept."""

    start: int
    stop: int
    first: int
    last: int


def cut(samples: int, size: int, context: int, hop: int, frames: Callable[[int], int]) -> list[Window]:
    """The windows of an utterance: one, the whole, when it has no more than `size` samples.

    Otherwise window i starts at i * (size - 2 * context) samples, rounded down to whole hops; the last one ends with
    the utterance. None has more than `size` samples, and the frames kept are frames(samples) together.

    Args:
        samples: of the utterance.
        size: of a window (samples), more than 2 * (context + hop).
        context: on either side of the frames kept (samples).
        hop: samples per frame.
        frames: the encoder's frame count of so many samples.
    """
    total = frames(samples)
    if samples <= size:
        return [Window(0, samples, 0, total)]
    margin = context // hop
    step = size // hop - 2 * margin
    last = -((size - samples) // hop)  # the first frame at which a window of `size` reaches the end
    starts = [*range(0, last, step), last]
    edges = [0, *(i * step + margin for i in range(1, len(starts))), total]
    return [
        Window(start * hop, min(start * hop + size, samples), begin - start, end - start)
        for start, begin, end in zip(starts, edges[:-1], edges[1:], strict=True)
    ]


def passes(costs: Sequence[int], budget: int, slack: int) -> list[list[int]]:
    """Forward passes: indices of pieces of like length, the longest first.

    Args:
        costs: of each piece (samples); in a pass, each costs what the longest does, to which it is padded.
        budget: what a pass of more than one piece may cost (samples).
        slack: by how much a piece may be shorter than the longest of its pass (samples).
    """
    order = sorted(range(len(costs)), key=lambda i: (-costs[i], i))
    found: list[list[int]] = []
    for i in order:
        longest = costs[found[-1][0]] if found else 0
        if not found or (len(found[-1]) + 1) * longest > budget or longest - costs[i] > slack:
            found.append([])
        found[-1].append(i)
    return found


@dataclass(frozen=True)
class Settings:
    """How utterances are cut and computed.

    Attributes:
        size: longest window (samples).
        context: see `cut` (samples).
        budget: see `passes` (samples).
        slack: see `passes` (samples).
        device: torch device, on which the model is.
        compute: number format of convolutions and products.
    """

    size: int
    context: int
    budget: int
    slack: int
    device: str
    compute: Compute


def encode(
    encoder: Encoder, waves: Sequence[Signal], layers: Sequence[int], keep: Keep, settings: Settings
) -> list[dict[int, Rows]]:
    """What `keep` keeps of the hidden states of a ragged batch of utterances, in the order given.

    Args:
        encoder: the model.
        waves: (samples,) each, 1 at least.
        layers: of the model.
        keep: what to do with the frames of each layer.
        settings: how they are cut and computed.

    Returns:
        For each utterance, layer -> (rows, dims) as `keep` makes them.

    Raises:
        UserError: a window does not fit in the device's memory, or the states not in the stored number format.
    """
    windows = [_windows(encoder, wave, settings) for wave in waves]
    pieces = [piece for mine in windows for piece in mine]
    parts: list[dict[int, Any]] = [{}] * len(pieces)
    with parametrize.cached():  # the positional convolution's weight norm is computed once
        for i, part in _parts(encoder, pieces, layers, keep, settings):
            parts[i] = part
    rows, begin = [], 0
    for mine in windows:
        some = parts[begin : begin + len(mine)]
        begin += len(mine)
        rows.append({layer: keep.join([part[layer] for part in some]) for layer in layers})
    return rows


def encode_long(
    encoder: Encoder, wave: Signal, layers: Sequence[int], keep: Keep, settings: Settings
) -> Iterator[dict[int, Rows]]:
    """What `keep` makes of each window of a long utterance, in order, as the last is the shortest; see `encode`."""
    pieces = _windows(encoder, wave, settings)
    for _, part in _parts(encoder, pieces, layers, keep, settings):
        yield {layer: keep.join([rows]) for layer, rows in part.items()}


@dataclass(frozen=True)
class _Piece:
    """A window of an utterance that is prepared, and what was measured of the whole."""

    wave: Signal
    whole: Any
    window: Window

    def __len__(self) -> int:
        return self.window.stop - self.window.start

    def read(self) -> Piece:
        """Its samples."""
        return Piece(self.wave[self.window.start : self.window.stop], self.whole)


def _windows(encoder: Encoder, wave: Signal, settings: Settings) -> list[_Piece]:
    """The windows of an utterance."""
    prepared = encoder.prepare(wave)
    whole = encoder.measure(prepared)
    windows = cut(len(prepared), settings.size, settings.context, encoder.hop, encoder.frames)
    return [_Piece(prepared, whole, window) for window in windows]


def _parts(
    encoder: Encoder, pieces: Sequence[_Piece], layers: Sequence[int], keep: Keep, settings: Settings
) -> Iterator[tuple[int, dict[int, Any]]]:
    """Layer -> what `keep` keeps of a piece, and the piece's number, the longest first; see `encode`."""

    def run(chosen: Sequence[int]) -> list[dict[int, Any]]:
        with lower_format(_said(settings.compute)), _format(settings.compute, settings.device):
            states, _ = encoder.states([pieces[i].read() for i in chosen], layers)
        kept = [pieces[i].window for i in chosen]
        counts = [window.last - window.first for window in kept]
        parts: list[dict[int, Any]] = [{} for _ in chosen]
        for layer in layers:
            real = [state[window.first : window.last] for window, state in zip(kept, states[layer], strict=True)]
            for one, part in zip(parts, keep.parts(torch.cat(real), counts), strict=True):
                one[layer] = part
        return parts

    for chosen in passes([encoder.cost(len(piece)) for piece in pieces], settings.budget, settings.slack):
        yield from zip(chosen, within_memory(run, chosen, lambda i: len(pieces[i])), strict=True)


def within_memory(
    compute: Callable[[Sequence[int]], list[Any]], chosen: Sequence[int], samples: Callable[[int], int]
) -> list[Any]:
    """`compute(chosen)`, in halves, quarters, ... when the device's memory does not suffice.

    Args:
        compute: gives one result for each piece, and keeps none of them on the device.
        chosen: the pieces to compute.
        samples: length of a piece at 16 kHz, for the error.

    Raises:
        UserError: a single piece does not fit.
    """
    try:
        return compute(chosen)
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        if not out_of_memory(error):
            raise
        if len(chosen) == 1:
            raise UserError(
                f"{samples(chosen[0]) / 16000:.1f} s of audio do not fit in the device's memory, even alone: lower "
                f"chunk_seconds (or clip), or take a smaller model or another device ({first_line(error)})"
            ) from error
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # what was cached in pieces of the larger batch's sizes
    half = len(chosen) // 2
    return within_memory(compute, chosen[:half], samples) + within_memory(compute, chosen[half:], samples)


def check_compute(compute: Compute, device: str) -> None:
    """Refuse a number format that a device cannot compute in.

    Raises:
        UserError: it cannot.
    """
    kind = torch.device(device).type
    if compute == "float32":
        return
    if compute == "float16" and kind == "cpu":
        raise UserError("compute: float16 needs a GPU; on the CPU use bfloat16 or float32")
    able = torch.amp.is_autocast_available(kind)
    if kind == "cpu" and not has_bfloat16():
        raise UserError(
            f"compute: {compute} cannot be had on this machine: its processor has neither AMX nor AVX512_BF16, "
            "without which it takes longer; use float32"
        )
    if kind == "cuda" and compute == "bfloat16" and able:
        able = torch.cuda.is_bf16_supported(including_emulation=False)
    if not able:
        raise UserError(f"compute: the device {device!r} has no {compute}; use float32")


def has_bfloat16() -> bool:
    """Whether the processor has instructions for products in bfloat16: without these they are emulated."""
    if not hasattr(torch.cpu, "get_capabilities"):  # older versions of torch do not tell
        return True
    return any(torch.cpu.get_capabilities().get(name, False) for name in BFLOAT16)


def check_states(encoder: Encoder, last: int, compute: Compute, device: str) -> None:
    """Refuse a number format that gives other hidden states of a second of noise than float32.

    Args:
        encoder: the model, on `device`.
        last: the last layer that is needed; those before it are checked too.
        compute: number format of convolutions and products.
        device: torch device.

    Raises:
        UserError: the device cannot compute in the format, or not rightly.
    """
    if compute == "float32":
        return
    wave = encoder.prepare(np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32))
    pieces = [Piece(wave[: len(wave)], encoder.measure(wave))]

    def states(chosen: Compute) -> list[Tensor]:
        with torch.inference_mode(), _format(chosen, device):
            found, counts = encoder.states(pieces, range(last + 1))
        return [found[layer][0, : counts[0]] for layer in range(last + 1)]

    check_near(_said(compute), "hidden states", states("float32"), lambda: states(compute), NETWORK)


def lower_weights(encoder: Encoder, compute: Compute) -> None:
    """Round weights to the number format that they are computed in: the same values as if they were for each pass."""
    layers = [layer for part in encoder.lowered for layer in part.modules() if isinstance(layer, nn.Linear | nn.Conv1d)]
    for layer in layers:
        layer.to(getattr(torch, compute))


def _said(compute: Compute) -> str:
    return "" if compute == "float32" else f"compute: {compute}"


@contextmanager
def _format(compute: Compute, device: str) -> Iterator[None]:
    """Convolutions and products in `compute`; norms, sums over blocks and the first convolution in single precision."""
    kind, dtype = torch.device(device).type, getattr(torch, compute)
    lowered = nullcontext() if compute == "float32" else torch.autocast(kind, dtype)
    with lowered, fastest(dtype, kind):
        yield
