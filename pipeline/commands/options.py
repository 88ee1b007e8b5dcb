"""Options that several commands share."""

from collections.abc import Iterable, Mapping
from typing import Any

import click

SKIPPED = 3
"""exit code of a command that did its work without some of its inputs"""

skip_bad_option = click.option(
    "--skip-bad", is_flag=True, help=f"Leave out recordings that cannot be used; the exit code is {SKIPPED} then."
)


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
