"""`ser bench train --only compile`: epochs of networks that `torch.compile` compiles, beside the same without it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

from pipeline.bench.timing import Figure, Skipped
from pipeline.bench.trainings import COUNT, QUICK_COUNT, emotions, epoch_times, features, untrained
from pipeline.jobs.executors import single_thread

EPOCHS, QUICK_EPOCHS = 6, 2
"""the first, which compiles, is not counted"""
COMPILED = ("CAF", "dual branch, spectrogram", "HuMP-CAT")
"""one each of large products, of convolutions, and of attention over long sequences"""


def compiled(folder: Path, quick: bool) -> list[Figure]:
    """Processor time of an epoch on one thread; what compiling takes is said beside. No stage compiles a network.

    Raises:
        Skipped: torch cannot compile here, as without a C++ compiler.
    """
    with single_thread(), mock.patch.dict(os.environ, TORCHINDUCTOR_CACHE_DIR=str(folder)):
        _check_compiler()
        return [_of(label, quick) for label in COMPILED[: 1 if quick else None]]


def _check_compiler() -> None:
    import torch

    try:
        torch.compile(torch.neg)(torch.zeros(8))
    except Exception as error:  # torch's own, of several modules, and those of the compiler
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise Skipped(f"torch cannot compile here: {said[0]}") from error


def _of(label: str, quick: bool) -> Figure:
    """An epoch without compiling beside one with it, where it has been compiled before."""
    count, epochs = (QUICK_COUNT, QUICK_EPOCHS) if quick else (COUNT, EPOCHS)
    view, labels = features(label, "", count, quick), emotions(count)

    def run(compiling: bool) -> tuple[float, float]:
        """The time of an epoch, and of the whole training by the clock on the wall (s)."""
        system, start = untrained(label, epochs, "cpu", quick), time.perf_counter()
        with _compiled_networks(type(system)) if compiling else nullcontext():
            times = epoch_times(system, view, labels, time.process_time)
        return median(times[1:]), time.perf_counter() - start

    run(compiling=False)  # what the first training loads is no matter of compiling
    (plain, before), (fast, after) = run(compiling=False), run(compiling=True)
    note = f"{plain:.3g} s an epoch, compiled {fast:.3g} s, {after - before:.3g} s more for all {epochs} epochs"
    return Figure("compile", f"{label}: plain beside compiled", plain / fast, "times", note=note)


@contextmanager
def _compiled_networks(system: type[Any]) -> Iterator[None]:
    """The networks of a system that are made in the block are compiled at their first call."""
    make = system.network

    def network(self: Any, *arguments: Any) -> Any:
        made = make(self, *arguments)
        made.compile()
        return made

    with mock.patch.object(system, "network", network):
        yield
