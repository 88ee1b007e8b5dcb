"""The commands of stages that DVC runs: ended, so that DVC sees it and gives up its locks."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

PATIENCE = 0.1
"""seconds between two looks at what runs"""
WORKERS = "from multiprocessing."
"""how Python's own processes begin what they run: ours, and a stage's workers, which it ends itself"""
TRACKER = f"{WORKERS}resource_tracker "
"""of them the one that ends when the others have, and complains where it is killed"""


def end_commands(runner: "psutil.Process", ends_within: Callable[[float], bool]) -> None:
    """End the commands below a process, also those that it still starts, till it has done what it has to do then.

    Each is ended before what it has started, as a shell would go on with its next command otherwise. A second Ctrl-C
    kills them, and DVC too.

    Args:
        runner: DVC, or a process whose workers are DVC.
        ends_within: wait at most so many seconds for it, and say whether it is done.
    """
    import psutil

    ended: list[psutil.Process] = []
    try:
        while not ends_within(PATIENCE):
            for command in [each for each in _commands(runner) if each not in ended]:
                with suppress(psutil.NoSuchProcess):
                    command.terminate()
                ended.append(command)
        while any(map(_lives, ended)):  # without its shell, which DVC waited for
            time.sleep(PATIENCE)
    except KeyboardInterrupt:
        for process in [*ended, *_below(runner)]:
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


def _commands(runner: "psutil.Process") -> "Iterator[psutil.Process]":
    """What runs below a process but for workers, each before what it has started."""
    import psutil

    for process in _below(runner):
        with suppress(psutil.NoSuchProcess):
            if not any(argument.startswith(WORKERS) for argument in process.cmdline()):
                yield process


def _below(runner: "psutil.Process") -> "list[psutil.Process]":
    import psutil

    with suppress(psutil.NoSuchProcess):
        return runner.children(recursive=True)
    return []
