"""Time tasks beside each other, and print figures beside their targets."""

import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from pipeline.atomic import atomic_path
from pipeline.errors import ParamsError, nearest
from pipeline.jobs.executors import cores


@dataclass(frozen=True)
class Figure:
    """One measured number, and what it should be."""

    part: str
    """the part of the benchmark it belongs to"""
    name: str
    value: float
    unit: str
    """%, times, s, or MB/s"""
    at_least: float | None = None
    below: float | None = None
    about: float | None = None
    """what is usual, where it is no target"""
    note: str = ""
    check: bool = False
    """whether its target is about right values, and not about speed: quick figures are held to it too"""

    @property
    def target(self) -> str:
        """The target in words; "" when there is none."""
        limits = {">=": self.at_least, "<": self.below, "about": self.about}
        return ", ".join(f"{word} {limit:g} {self.unit}" for word, limit in limits.items() if limit is not None)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None when there is none."""
        if self.at_least is None and self.below is None:
            return None
        return (self.at_least is None or self.value >= self.at_least) and (
            self.below is None or self.value < self.below
        )


class Skipped(Exception):  # noqa: N818
    """A part could not be run here; the message says why."""


def seconds(task: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> float:
    """Time of one call (s): wall time, unless another clock is given."""
    start = clock()
    task()
    return clock() - start


def interleaved(
    tasks: Mapping[str, Callable[[], Any]],
    repeats: int,
    warm_up: bool = True,
    typical: Callable[[list[float]], float] = statistics.median,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Typical wall time of each task (s); tasks take turns, so that a busy spell of the machine falls on all of them.

    `typical` is min for tasks of milliseconds, as whatever else the machine does can only add to them; `clock` is
    `time.process_time` where the time that others take of the machine is not to count.
    """
    if warm_up:
        for task in tasks.values():
            task()
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for i in range(repeats):
        for name in list(tasks)[:: -1 if i % 2 else 1]:  # there and back, so that no task has always the same before it
            times[name].append(seconds(tasks[name], clock))
    return {name: typical(values) for name, values in times.items()}


@contextmanager
def clocked(owner: ModuleType | type, *names: str) -> Iterator[dict[str, float]]:
    """Add up the time spent in these functions of a module or class (s), in whatever thread of this process."""
    spent = dict.fromkeys(names, 0.0)

    def wrap(name: str) -> Callable[..., Any]:
        function = getattr(owner, name)

        def timed(*values: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*values, **named)
            finally:
                spent[name] += time.perf_counter() - start

        return timed

    with ExitStack() as stack:
        for name in names:
            stack.enter_context(mock.patch.object(owner, name, wrap(name)))
        yield spent


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    return {
        "cores": cores(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.system(),
        "processor": platform.machine(),
        "python": platform.python_version(),
    }


def check_parts(only: Sequence[str], parts: Collection[str]) -> None:
    """Check the parts that are asked for.

    Raises:
        ParamsError: one is unknown; the message names the nearest, and lists those there are.
    """
    for part in only:
        if part not in parts:
            raise ParamsError(f"unknown part {part!r}{nearest(part, parts)}; known: {', '.join(parts)}")


def measured(
    parts: Mapping[str, Callable[..., list[Figure]]], only: Sequence[str], say: Callable[[str], None], *arguments: Any
) -> tuple[list[Figure], dict[str, str]]:
    """What some parts give (default: all), each in an empty folder, and why others could not be run.

    Args:
        parts: name -> what measures it.
        only: the names of those that are wanted.
        say: takes what is going on.
        *arguments: what each is called with, after its folder.
    """
    figures: list[Figure] = []
    skipped: dict[str, str] = {}
    for part, measure in parts.items():
        if only and part not in only:
            continue
        say(f"measuring {part} ...")
        with tempfile.TemporaryDirectory(prefix="ser-bench-", ignore_cleanup_errors=True) as folder:
            try:
                figures += measure(Path(folder), *arguments)
            except Skipped as why:
                skipped[part] = str(why)
    return figures, skipped


def table(figures: Sequence[Figure], skipped: Mapping[str, str]) -> str:
    """A plain table, one line a figure, and a line for each part that was not run."""
    verdicts = {True: "met", False: "MISSED", None: ""}
    rows = [("part", "what", "measured", "target", "", "")]
    for figure in figures:
        value = f"{figure.value:.3g} {figure.unit}" if figure.value < 1000 else f"{figure.value:.0f} {figure.unit}"
        rows.append((figure.part, figure.name, value, figure.target, verdicts[figure.met], figure.note))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join([*map(str.ljust, row, widths), row[5]]).rstrip() for row in rows]
    return "\n".join([*lines, *(f"{part}: not run: {why}" for part, why in skipped.items())])


def all_met(figures: Sequence[Figure], skipped: Mapping[str, str], quick: bool, echo: Callable[[str], None]) -> bool:
    """Whether every target is met, and every part was run; says what is not. Speed is no matter of quick figures."""
    if quick:
        echo("These are quick figures: too small to compare with the targets.")
    missed = [figure for figure in figures if figure.met is False and (figure.check or not quick)]
    said = [*(f"missed: {figure.part}, {figure.name}" for figure in missed), *(f"not run: {part}" for part in skipped)]
    if said or not quick:
        echo("; ".join(said) or "All met.")
    return not said


def write_json(path: Path, figures: Sequence[Figure], skipped: Mapping[str, str], **facts: Any) -> None:
    """Write the figures, with their targets and whether these are met."""
    rows = [{**asdict(figure), "target": figure.target, "met": figure.met} for figure in figures]
    with atomic_path(path) as temporary:
        text = json.dumps({"machine": machine(), **facts, "figures": rows, "skipped": dict(skipped)}, indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")
