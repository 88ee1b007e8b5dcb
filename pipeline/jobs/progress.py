"""Progress to standard error: a bar with rate and time left on a terminal, plain lines when it is not one."""

import sys
import time
from types import TracebackType

QUIET_SECONDS = 10.0
"""how often a plain line is written"""


class Progress:
    """Count finished items of `total`, None where it is not known; use as a context manager and call `update`."""

    def __init__(self, total: int | None, label: str, initial: int = 0) -> None:
        self.total, self.label, self.done = total, label, initial
        self._bar = None
        if total != 0 and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=label, initial=initial, leave=False, dynamic_ncols=True)
        self._start = self._last = time.monotonic()
        self._initial = initial

    def update(self, items: int = 1) -> None:
        """Say that so many more items are finished."""
        self.done += items
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(items)
        elif now - self._last >= QUIET_SECONDS:
            self._last = now
            rate = (self.done - self._initial) / (now - self._start)
            print(f"{self.label}: {self._state(rate)}", file=sys.stderr, flush=True)

    def _state(self, rate: float) -> str:
        """How far it is at so many items a second."""
        if self.total is None:
            return f"{self.done}, {rate:.3g}/s"
        left = f"{(self.total - self.done) / rate:.0f} s" if rate else "unknown time"
        return f"{self.done}/{self.total}, {rate:.3g}/s, {left} left"

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, category: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
