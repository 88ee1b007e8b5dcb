"""What the C library does with memory that a training frees at each step, and asks for again at the next.

glibc gives back blocks above 32 MB at once, and more than 64 MB at the heap's end; the system then fills new pages with
zeros, which takes as long as a small network's own computation.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
"""glibc's numbers of what `mallopt` sets"""
KEPT = {MMAP_MAX: 0, TRIM_THRESHOLD: -1}
"""no block has pages of its own, and nothing is given back"""
USUAL = {MMAP_MAX: 1 << 16, MMAP_THRESHOLD: 32 << 20, TRIM_THRESHOLD: 64 << 20}
"""where glibc's own values end up in a process with large blocks"""


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """While it is entered, the process keeps what is freed; afterwards it gives that back. By glibc alone."""
    library = _glibc()
    if library is None:
        yield
        return
    try:
        for number, value in KEPT.items():
            library.mallopt(number, value)
        yield
    finally:
        for number, value in USUAL.items():
            library.mallopt(number, value)
        library.malloc_trim(0)


def _glibc() -> Any:
    """The C library of this process; None where it is another one."""
    try:
        library: Any = ctypes.CDLL(None)
        known = all(hasattr(library, name) for name in ("mallopt", "malloc_trim", "gnu_get_libc_version"))
    except (OSError, TypeError):  # Windows has no such library
        return None
    return library if known else None
