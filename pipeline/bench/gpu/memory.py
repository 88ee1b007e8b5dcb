"""Memory of a device that does not suffice: batches are halved for real, and the states are the same."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from pipeline.bench.gpu.encoders import difference, forget_peak, on_cuda, peak, states_of, utterances
from pipeline.bench.timing import Figure
from pipeline.errors import UserError

KEPT = 0.4
"""of the memory that a batch takes beside the weights: less than a half of it, so that it is halved twice"""
EXACT = 1e-4
"""largest relative difference: other sizes of products may round otherwise"""


def measure(device: str, folder: Path, quick: bool) -> list[Figure]:
    """A batch that fits, the same batch where it does not, and a piece that does not fit by itself."""
    toy = quick and not on_cuda(device)  # a toy's memory is less than what a GPU's is handed out in
    extractor: Any = states_of("wav2vec2-base", folder, toy, device)
    waves = utterances(16 if toy else 64, 2.0, 2.2)
    extractor.extract(waves[:1])
    forget_peak(device)
    held = _held(device)
    with _passes(extractor) as before:
        wanted = extractor.extract(waves)
    taken = peak(device) - held
    forget_peak(device)
    with _limited(extractor, device, held + KEPT * taken, len(waves)), _passes(extractor) as sizes:
        found = extractor.extract(waves)
    note = f"passes of {', '.join(map(str, sizes))} utterances, where {', '.join(map(str, before))} fit"
    own = Figure("memory", "a batch, beside the weights", taken / 1e9, "GB", note=f"{len(waves)} utterances of 2 s")
    return [
        *([own] if on_cuda(device) else []),
        Figure("memory", "passes tried, where that was too much", len(sizes), "", at_least=3, check=True, note=note),
        Figure("memory", "their states, from those that fit", difference(found, wanted), "", below=EXACT, check=True),
        _refusal(extractor, device, held, len(waves)),
    ]


def _refusal(extractor: Any, device: str, held: float, count: int) -> Figure:
    """Whether an utterance that does not fit by itself is refused in one line."""
    long = utterances(1, 25.0, 25.1)
    said = "no error"
    with _limited(extractor, device, held + 1e6, count, single=True):
        try:
            extractor.extract(long)
        except UserError as error:
            said = str(error)
    refused = float("even alone" in said)
    return Figure("memory", "what does not fit alone is refused", refused, "", at_least=1, check=True, note=said[:120])


@contextmanager
def _passes(extractor: Any) -> Iterator[list[int]]:
    """The numbers of utterances of the forward passes that are tried."""
    sizes: list[int] = []
    kind = type(extractor.encoder)
    states = kind.states

    def noted(self: Any, pieces: Sequence[Any], layers: Sequence[int]) -> Any:
        sizes.append(len(pieces))
        return states(self, pieces, layers)

    with mock.patch.object(kind, "states", noted):
        yield sizes


@contextmanager
def _limited(extractor: Any, device: str, size: float, count: int, single: bool = False) -> Iterator[None]:
    """So many bytes of the device for this process; a CPU, which has no such limit, fails in its place."""
    if on_cuda(device):
        index = torch.device(device).index or 0
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(size / torch.cuda.get_device_properties(index).total_memory, index)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, index)
        return
    kind = type(extractor.encoder)
    states = kind.states

    def failing(self: Any, pieces: Sequence[Any], layers: Sequence[int]) -> Any:
        if single or len(pieces) > KEPT * count:
            raise torch.OutOfMemoryError("out of memory, as it were")
        return states(self, pieces, layers)

    with mock.patch.object(kind, "states", failing):
        yield


def _held(device: str) -> float:
    return float(torch.cuda.memory_reserved(device)) if on_cuda(device) else 0.0
