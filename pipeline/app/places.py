"""Places of a server: some recordings are worked on, some wait, and no more are let in."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

Result = TypeVar("Result")


class Full(Exception):  # noqa: N818
    """All places are taken."""


class Places:
    """Threads that work, and places to wait for one.

    Args:
        working: threads.
        waiting: places beside them.
    """

    def __init__(self, working: int, waiting: int) -> None:
        self._free = working + waiting
        self._pool = ThreadPoolExecutor(working, "ser-app")

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Hold a place in the block.

        Raises:
            Full: there is none.
        """
        if not self._free:
            raise Full
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1

    async def run(self, task: Callable[[], Result]) -> Result:
        """The result of a task, once it is its turn."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, task)

    def close(self) -> None:
        """End the threads, after what they work on."""
        self._pool.shutdown(cancel_futures=True)
