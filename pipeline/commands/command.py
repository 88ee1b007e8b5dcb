"""What the commands share: one-line errors, and the exit codes."""

import os
import sys
from contextlib import suppress
from typing import Any

import click

from pipeline.errors import UserError, message_line
from pipeline.jobs import interrupts

KERNEL_CACHES = ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")
"""of torch's and of oneDNN's, for the code that is made for each shape of a convolution or product"""
KERNELS = "128"
"""that each keeps, and not 1024: utterances of hundreds of lengths fill gigabytes with what is not wanted again"""


class Command(click.Command):
    """A command that prints a user's error on standard error, without a traceback, and exits with its code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        # Threads of numeric libraries that wait by spinning make a shared machine up to fifty times slower.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        for cache in KERNEL_CACHES:
            os.environ.setdefault(cache, KERNELS)
        try:
            with interrupts.ended_by_sigterm(), interrupts.none_lost():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            interrupts.report()
            ctx.exit(interrupts.EXIT_CODE)
        except UserError as error:
            for line in str(error).split("\n"):
                click.echo(f"error: {message_line(line)}", err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            sys.stderr.close()
            ctx.exit(141)
        except OSError as error:
            if error.strerror is None:
                raise
            file = "" if error.filename is None else f"{error.filename}: "
            click.echo(f"error: {message_line(f'{file}{error.strerror}')}", err=True)
            _give_up_output()
            ctx.exit(1)


def _give_up_output() -> None:
    """Close a standard output that cannot be written to; else Python complains of it at the end."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            sys.stdout.close()
