"""Keep what C libraries print about a recording out of the terminal: what is wrong with it is told in one line of ours.

libmpg123 writes its warnings to the C library's `stderr`, and libsndfile has no option against that. File descriptor 2
is the whole process's, with the progress of other threads and what child processes write; so it stays as it is, and
only the C library's variable is turned to /dev/null, while at least one recording is open.
"""

import ctypes
from threading import Lock
from types import TracebackType


class _QuietC:
    """A `with` block in which C libraries print nothing to `stderr`; blocks of several threads may overlap."""

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0
        self._stderr: ctypes.c_void_p | None = None
        self._loud: int | None = None
        self._null: int | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1 and self._opened():
                self._turn_to(self._null)

    def __exit__(
        self, category: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._opened():
                self._turn_to(self._loud)

    def _opened(self) -> bool:
        """Whether there is another place to write to; not where the C library has no variable of that name."""
        if self._stderr is None:
            libc = ctypes.CDLL(None)
            try:
                variable = ctypes.c_void_p.in_dll(libc, "stderr")
            except ValueError:
                return False
            libc.fopen.restype = ctypes.c_void_p
            self._loud, self._null = variable.value, libc.fopen(b"/dev/null", b"we")
            self._stderr = variable
        return bool(self._null)

    def _turn_to(self, file: int | None) -> None:
        if self._stderr is not None:
            self._stderr.value = file


QUIET = _QuietC()
"""the process's one such block, as the variable is the process's"""
