"""The parts of `ser bench gpu`, each in a process of its own, which may fail or take too long without the others."""

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

from pipeline.bench.gpu.machine import device_facts
from pipeline.bench.timing import Figure, Skipped, table, write_json
from pipeline.errors import UserError
from pipeline.jobs.torch_errors import first_line


@dataclass(frozen=True)
class Part:
    """What is measured in one process.

    Attributes:
        module: whose `measure` takes a device, a folder for encoders and whether to be quick, and gives figures.
        limit: how long it may take (s).
    """

    module: str
    limit: float


PARTS = {
    "correctness": Part("pipeline.bench.gpu.correctness", 90),
    "speed": Part("pipeline.bench.gpu.speed", 150),
    "spectra": Part("pipeline.bench.gpu.spectra", 40),
    "training": Part("pipeline.bench.gpu.training", 120),
    "memory": Part("pipeline.bench.gpu.memory", 60),
}
"""name -> what is run, in this order: together in less than 8 minutes"""


@dataclass(frozen=True)
class Outcome:
    """What a part gave: figures, or why there are none."""

    figures: list[Figure]
    failure: str = ""
    skipped: str = ""


def run(device: str, quick: bool, json: Path | None, echo: Callable[[str], None], say: Callable[[str], None]) -> bool:
    """Run all parts, print the table, and write it to `json`, after each part what there is by then.

    Args:
        device: torch device.
        quick: toys instead of encoders of the real shapes.
        json: file for the figures.
        echo: takes the results.
        say: takes what is going on.

    Returns:
        Whether every part could be run and all that was computed is right.

    Raises:
        UserError: there is no such device, or `transformers` is too old.
    """
    facts = _facts(device)
    say("; ".join(f"{name} {value}" for name, value in facts.items()))
    figures: list[Figure] = []
    skipped: dict[str, str] = {}
    failed: dict[str, str] = {}
    for name, outcome in outcomes(PARTS, device, quick, say):
        figures += outcome.figures
        skipped |= {name: outcome.skipped} if outcome.skipped else {}
        failed |= {name: outcome.failure} if outcome.failure else {}
        if json is not None:
            write_json(json, figures, skipped, benchmark="gpu", quick=quick, device=facts, failed=failed)
    echo(table(figures, {**skipped, **failed}))
    if quick:
        echo("These are quick figures: too small to compare with the targets.")
    wrong = [figure.name for figure in figures if figure.check and not figure.met]
    echo(verdict(wrong, failed))
    return not wrong and not failed


def verdict(wrong: list[str], failed: Mapping[str, str]) -> str:
    """What is wrong and what could not be run, on one line."""
    ends = [f"wrong: {'; '.join(wrong)}"] if wrong else []
    ends += [f"not run: {', '.join(failed)}"] if failed else []
    return ". ".join(ends) or "All that was computed is right."


def outcomes(
    parts: Mapping[str, Part], device: str, quick: bool, say: Callable[[str], None]
) -> Iterator[tuple[str, Outcome]]:
    """Each part's name and what it gave, as soon as it ends; a line for each."""
    with tempfile.TemporaryDirectory(prefix="ser-bench-", ignore_cleanup_errors=True) as folder:
        for name, part in parts.items():
            start = time.perf_counter()
            outcome = isolated(part, device, Path(folder), quick)
            said = outcome.failure or outcome.skipped or f"{len(outcome.figures)} figures"
            say(f"{name}: {said} ({time.perf_counter() - start:.0f} s)")
            yield name, outcome


def isolated(part: Part, device: str, folder: Path, quick: bool) -> Outcome:
    """Run a part in a process of its own, and end it when its time is up."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(part.module, device, folder, quick, sender), daemon=True)
    process.start()
    sender.close()
    try:
        if not receiver.poll(part.limit):
            return Outcome([], failure=f"took more than {part.limit:g} s")
        outcome: Outcome = receiver.recv()
        process.join(10)
        return outcome
    except EOFError:
        process.join(10)
        return Outcome([], failure=f"its process died (exit code {process.exitcode})")
    finally:
        process.kill()
        process.join()


def _measure(module: str, device: str, folder: Path, quick: bool, sender: Connection) -> None:
    """Measure a part, and send what it gave; whatever is raised is a line of the table."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        sender.send(Outcome(import_module(module).measure(device, folder, quick)))
    except Skipped as why:
        sender.send(Outcome([], skipped=str(why)))
    except Exception as error:
        sender.send(Outcome([], failure=f"failed: {type(error).__name__}: {first_line(error)}"))


def _facts(device: str) -> dict[str, str]:
    import torch

    from pipeline.features.ssl.versions import check_transformers

    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError) as error:
        why = first_line(error)
        raise UserError(
            f"no GPU: torch says: {why}; give --device cpu --quick to try the command without one"
        ) from error
    check_transformers()
    return device_facts(device)
