"""Ctrl-C and SIGTERM: they end a command in one line, and its workers with it.

A terminal sends Ctrl-C to every process of a command, and Python loses it where it removes objects: so workers leave it
to their parent, and a lost one is sent again.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

EXIT_CODE = 130
MESSAGE = "interrupted; run again to go on"


def report(message: str = MESSAGE) -> None:
    """Say in one line that the command was interrupted; a second Ctrl-C ends what is still to be closed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    print(message, file=sys.stderr)


def excepthook(category: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Python's own hook, which says Ctrl-C in one line: for imports, which come before a command is there."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__  # pydantic wraps it
    if cause is None:
        sys.__excepthook__(category, error, traceback)
        return
    print(MESSAGE, file=sys.stderr)
    raise SystemExit(EXIT_CODE)


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as an exception does, so that temporary files are removed and workers are ended."""

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
def none_lost() -> Iterator[None]:
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


@contextmanager
def postponed() -> Iterator[None]:
    """Keep Ctrl-C from processes started meanwhile, for good, and from this one until the end.

    The terminal sends it to the workers too, and they may be importing, where only a signal mask reaches. A start that
    is cut short in this process would leave a worker complaining.
    """
    arrived: list[int] = []
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]) if hasattr(signal, "pthread_sigmask") else set()
    if in_main and handler is not None:
        signal.signal(signal.SIGINT, lambda number, frame: arrived.append(number))
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if in_main and handler is not None:
            signal.signal(signal.SIGINT, handler)
        if arrived:
            signal.raise_signal(signal.SIGINT)


def follow_parent() -> None:
    """End this worker when its parent is killed, else it would wait for work for ever; leave Ctrl-C to the parent."""
    from multiprocessing import parent_process

    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
