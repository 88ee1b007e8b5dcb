"""What the commands share: one-line errors, and the exit codes."""

import os
import sys
from typing import Any

import click

from pipeline.errors import UserError


class Command(click.Command):
    """A command that prints a user's error on standard error, without a traceback, and exits with its code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            for line in str(error).splitlines():
                click.echo(f"error: {line}", err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            sys.stderr.close()
            ctx.exit(141)
        except OSError as error:
            if error.filename is None:
                raise
            click.echo(f"error: {error.filename}: {error.strerror}", err=True)
            ctx.exit(1)


def device() -> str:
    """The torch device: `SER_DEVICE`, or cuda where there is one. It is never part of a result's identity."""
    chosen = os.environ.get("SER_DEVICE", "")
    if chosen:
        return chosen
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def worker_options(command: Any) -> Any:
    """Add the options that say where work runs; they change no result."""
    for option in (
        click.option("--cluster", envvar="SER_CLUSTER", help="Dask scheduler (tcp://host:port), shared filesystem."),
        click.option("--workers", type=click.IntRange(1), help="Worker processes (SER_WORKERS; default: all cores)."),
    ):
        command = option(command)
    return command
