"""Pieces of a training that run anywhere, each kept in a journal when it is finished."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

from pipeline.jobs.executors import run_all
from pipeline.jobs.progress import Progress
from pipeline.storage.journal import Journal


def finish(
    journal: Journal,
    executor: Executor | None,
    task: Callable[..., None],
    arguments: Sequence[tuple[Any, ...]],
    name: str,
    epochs: int,
) -> None:
    """Do the pieces that a journal lacks; progress counts epochs here, and folds elsewhere.

    Args:
        journal: has the pieces that are done; `task` keeps the others in its folder.
        executor: where they run; None for here.
        task: does a piece; takes its arguments and, here, what is to be called after each epoch.
        arguments: of each piece.
        name: whose training it is.
        epochs: of a piece.
    """
    fits = 1 if executor else epochs
    label = f"{name} {'folds' if executor else 'epochs'}"
    with Progress(fits * len(arguments), label, initial=fits * len(journal.resumed)) as progress:
        here = () if executor else (progress.update,)
        tasks = ((*own, *here) for number, own in enumerate(arguments) if number not in journal.resumed)
        for _ in run_all(executor, task, tasks):
            if executor:
                progress.update()
