"""Options that several commands share."""

from typing import Any

import click


def worker_options(command: Any) -> Any:
    """Add the options that say where work runs; they change no result."""
    for option in (
        click.option("--cluster", envvar="SER_CLUSTER", help="Dask scheduler (tcp://host:port), shared filesystem."),
        click.option("--workers", type=click.IntRange(1), help="Worker processes (SER_WORKERS; default: all cores)."),
    ):
        command = option(command)
    return command
