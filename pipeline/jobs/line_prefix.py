"""Lines that say whose they are: what a process, and all that it starts, writes while others write beside it."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

STREAMS = (1, 2)
"""descriptors of standard output and standard error"""
PATIENCE = 1.0
"""seconds for the last lines: a process left in the background may keep the pipe open for ever"""


@contextmanager
def prefixed_lines(prefix: str, clear: str = "") -> Iterator[None]:
    """Begin each line that this process and its children write meanwhile with `prefix`; lines stay whole.

    On a terminal `clear` is before it, which takes away a status line, see `StatusLine`.
    """
    with ExitStack() as stack:
        for descriptor in STREAMS:
            before = clear if os.isatty(descriptor) else ""
            stack.enter_context(_prefixed(descriptor, f"{before}{prefix}".encode()))
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()


@contextmanager
def _prefixed(descriptor: int, prefix: bytes) -> Iterator[None]:
    original = os.dup(descriptor)
    reader, writer = os.pipe()
    os.dup2(writer, descriptor)
    os.close(writer)
    copying = threading.Thread(target=_copy_lines, args=(reader, os.dup(original), prefix), daemon=True)
    copying.start()
    try:
        yield
    finally:
        os.dup2(original, descriptor)
        os.close(original)
        copying.join(PATIENCE)


def _copy_lines(reader: int, target: int, prefix: bytes) -> None:
    """Copy lines until the last writer closes; where nobody reads them any more, they are taken all the same."""
    with os.fdopen(reader, "rb") as lines, os.fdopen(target, "wb", buffering=0) as out:
        for line in lines:
            with suppress(OSError):
                out.write(prefix + line.rstrip(b"\r\n") + b"\n")
