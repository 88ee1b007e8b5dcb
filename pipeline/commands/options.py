"""Options that several commands share."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

SKIPPED = 3
"""exit code of a command that did its work without some of its inputs"""

skip_bad_option = click.option(
    "--skip-bad", is_flag=True, help=f"Leave out recordings that cannot be used; the exit code is {SKIPPED} then."
)


class FiniteRange(click.FloatRange):
    """A range of numbers; `FloatRange` alone takes NaN for one of any, and infinity where no end is named."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number of an option."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number.", param, ctx)
        return number


def worker_options(command: Any) -> Any:
    """Add the options that say where work runs; they change no result."""
    for option in (
        click.option("--cluster", envvar="SER_CLUSTER", help="Dask scheduler (tcp://host:port), shared filesystem."),
        click.option("--workers", type=click.IntRange(1), help="Worker processes (SER_WORKERS; default: all cores)."),
    ):
        command = option(command)
    return command


def warn(lines: Iterable[str]) -> None:
    """Say what the user should know of the inputs, on standard error."""
    for line in lines:
        click.echo(f"warning: {line}", err=True)


def end_without(bad: Mapping[str, str]) -> None:
    """Say which recordings were left out, and why, and end with the exit code for it; nothing where there are none."""
    if bad:
        warn([*bad.values(), f"left out: {len(bad)} recording{'' if len(bad) == 1 else 's'}"])
        click.get_current_context().exit(SKIPPED)


def write_output(text: str, out: Path | None) -> None:
    """Write a command's result to a file, or to standard output where none is named."""
    from pipeline.atomic import atomic_path

    if out is None:
        click.echo(text, nl=False)
        return
    with atomic_path(out) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
