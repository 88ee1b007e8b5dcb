"""What the commands share: one-line errors, and the exit codes."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import click

from pipeline.errors import UserError

INTERRUPTED = "interrupted; run again to go on"


class Command(click.Command):
    """A command that prints a user's error on standard error, without a traceback, and exits with its code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        # Threads of numeric libraries that wait by spinning make a shared machine up to fifty times slower.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        try:
            with _ended_by_sigterm(), _no_lost_interrupt():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C ends what is still to be closed
            click.echo(INTERRUPTED, err=True)
            ctx.exit(130)
        except UserError as error:
            for line in str(error).splitlines():
                click.echo(f"error: {line}", err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            sys.stderr.close()
            ctx.exit(141)
        except OSError as error:
            if error.strerror is None:
                raise
            place = "" if error.filename is None else f"{error.filename}: "
            click.echo(f"error: {place}{error.strerror}", err=True)
            _give_up_output()
            ctx.exit(1)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the command as an exception does, so that temporary files are removed and workers are ended."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _no_lost_interrupt() -> Iterator[None]:
    """Interrupt again when Ctrl-C came while Python removed an object, where it prints exceptions and goes on."""
    before = sys.unraisablehook

    def again(lost: "sys.UnraisableHookArgs") -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            threading.Timer(0.02, _interrupt_main).start()  # once this hook is left, in which it would be lost too
        else:
            before(lost)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


def _interrupt_main() -> None:
    if hasattr(signal, "pthread_kill") and (main := threading.main_thread().ident) is not None:
        signal.pthread_kill(main, signal.SIGINT)  # ends its waiting as well
    else:
        signal.raise_signal(signal.SIGINT)


def _give_up_output() -> None:
    """Close a standard output that cannot be written to; else Python complains of it at the end."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            sys.stdout.close()
