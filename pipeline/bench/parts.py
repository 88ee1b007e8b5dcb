"""A benchmark of named parts: those that are wanted are measured one after another, shown, and written."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.bench.timing import Figure, all_met, check_parts, measured, table, write_json

Parts = Mapping[str, Callable[[Path, bool], list[Figure]]]
"""name for --only -> what measures it in an empty folder, quickly or fully"""
Say = Callable[[str], None]


def run(benchmark: str, parts: Parts, only: Sequence[str], quick: bool, json: Path | None, echo: Say, say: Say) -> bool:
    """Measure these parts (default: all), print the table, and write it to `json`.

    Args:
        benchmark: its name.
        parts: all that it has.
        only: the names of those that are wanted.
        quick: whether small sizes do.
        json: a file, or None.
        echo: takes the figures.
        say: takes what is going on.

    Returns:
        Whether every part could be run and, but for the speed of quick figures, every target is met.

    Raises:
        ParamsError: a part is unknown; the message lists those there are.
    """
    check_parts(only, parts)
    figures, skipped = measured(parts, only, say, quick)
    echo(table(figures, skipped))
    if json is not None:
        write_json(json, figures, skipped, benchmark=benchmark, quick=quick)
    return all_met(figures, skipped, quick, echo)
