"""What the commands share: one-line errors, and the exit codes."""

import os
import sys
from typing import Any

import click

from pipeline.errors import ParamsError, UserError


class Command(click.Command):
    """A command that prints a user's error on standard error, without a traceback, and exits with its code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        # Threads of numeric libraries that wait by spinning make a shared machine up to fifty times slower.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
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


def torch_devices(asked: str | None = None, cluster: str | None = None) -> list[str]:
    """The torch devices asked for, or of `SER_DEVICE` (with commas between), or cuda where there is one.

    With a cluster they are its workers' devices, which this machine need not have; cpu unless asked for.

    They are never part of a result's identity.

    Raises:
        ParamsError: one is not known to torch, or not there.
    """
    chosen = asked or os.environ.get("SER_DEVICE", "")
    if cluster:
        return [name.strip() for name in (chosen or "cpu").split(",")]
    import torch

    names = [name.strip() for name in (chosen or ("cuda" if torch.cuda.is_available() else "cpu")).split(",")]
    for name in names:
        try:
            torch.empty(0, device=name)
        except (RuntimeError, AssertionError, ImportError) as error:
            reason = str(error).splitlines()[0]
            raise ParamsError(f"device {name!r} cannot be used ({reason}); see SER_DEVICE or --device") from error
    return names


def worker_options(command: Any) -> Any:
    """Add the options that say where work runs; they change no result."""
    for option in (
        click.option("--cluster", envvar="SER_CLUSTER", help="Dask scheduler (tcp://host:port), shared filesystem."),
        click.option("--workers", type=click.IntRange(1), help="Worker processes (SER_WORKERS; default: all cores)."),
    ):
        command = option(command)
    return command
