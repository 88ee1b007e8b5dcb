"""The commands of stages that DVC runs in processes of ours: ended, so that DVC sees it and gives up its locks."""

import time
from collections.abc import Collection, Iterator
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psutil

PATIENCE = 0.1
"""seconds between two looks at what runs"""
WORKERS = "from multiprocessing."
"""how Python's own processes begin what they run: ours, and a stage's workers, which it ends itself"""
TRACKER = f"{WORKERS}resource_tracker "
"""of them the one that ends when the others have, and complains where it is killed"""


def end_commands(running: Collection[Future[Any]]) -> None:
    """End the commands of all processes that do these tasks, and wait for them and for what DVC has to do then.

    A second Ctrl-C kills them, and DVC too.
    """
    import psutil

    ended: set[psutil.Process] = set()
    try:
        while wait(running, PATIENCE).not_done:
            for command in {*_commands()} - ended:
                with suppress(psutil.NoSuchProcess):
                    command.terminate()
                ended.add(command)
        while any(map(_lives, ended)):  # without its shell, which DVC waited for
            time.sleep(PATIENCE)
    except KeyboardInterrupt:
        for process in {*ended, *psutil.Process().children(recursive=True)}:
            with suppress(psutil.NoSuchProcess):
                if not any(argument.startswith(TRACKER) for argument in process.cmdline()):
                    process.kill()
        raise


def _lives(process: "psutil.Process") -> bool:
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _commands() -> "Iterator[psutil.Process]":
    """What runs below this process, but for workers."""
    import psutil

    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if not any(argument.startswith(WORKERS) for argument in process.cmdline()):
                yield process
