"""Stages that do not wait for each other, run by DVC at the same time.

`dvc repro` runs one stage after the other (DVC's issue 755), but DVC's processes are made to run beside each other:
they hold the repository's lock while they look, save and write dvc.lock, and none while a stage's command runs, when
what it reads and writes is reserved instead (`rwlocked` and `unlocked_repo` of dvc/stage/decorators.py). So each stage
is given to a process of DVC as soon as those that it waits for are done, and DVC alone decides what runs and is kept.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, nullcontext
from multiprocessing.context import BaseContext

from pipeline.errors import UserError
from pipeline.graph.dvc_graph import DvcGraph
from pipeline.graph.stage_commands import end_commands
from pipeline.graph.stage_run import Outcome, run_stage
from pipeline.jobs import interrupts
from pipeline.jobs.executors import WorkerPool, worker_count
from pipeline.jobs.status_line import StatusLine
from pipeline.jobs.warm_start import is_possible, warm_python

PRELOADED = (run_stage.__module__, "dvc.repo", "dvc.repo.stage", "dvc.scm", "dvc.lock")
"""what the processes that run stages import"""

MANY = 4
"""stages left, from which on it is worth to load the libraries of all once"""

REFRESH = 0.5
"""how often the status is shown (s)"""

Running = dict[Future[Outcome], str]
Say = Callable[[str], object]


class ParallelRun:
    """A run of a graph's stages, several at once.

    Args:
        graph: DVC's graph.
        jobs: how many stages at once.
        keep_going: start also after a failure what does not wait for a stage that failed.
        say: writes a line.
        status: shows what runs, on a terminal.

    Attributes:
        outcomes: what came of each stage that ran, in the order in which they ended.
        current: the stages that had nothing to do.
    """

    def __init__(self, graph: DvcGraph, jobs: int, keep_going: bool, say: Say, status: StatusLine) -> None:
        self._graph, self._jobs, self._keep_going, self._say, self._status = graph, jobs, keep_going, say, status
        self._begun: dict[str, float] = {}
        self._depths = _depths(graph)
        self._unseen = [*graph.order]
        self._changed: list[str] = []
        self._obstacle = ""
        self._folder = ""
        self.outcomes: list[Outcome] = []
        self.current: set[str] = set()

    @property
    def waiting(self) -> int:
        """How many stages are neither current nor started."""
        return len(self._graph.order) - len(self.current) - len(self.outcomes)

    @property
    def failed(self) -> list[str]:
        """Why each stage failed that did, and why DVC could not look at others."""
        ran = [f"{outcome.stage}: {outcome.error}" for outcome in self.outcomes if outcome.error]
        return [*ran, self._obstacle] if self._obstacle else ran

    @property
    def written(self) -> set[str]:
        """The files that DVC wrote for git."""
        return {file for outcome in self.outcomes for file in outcome.written}

    def run(self) -> None:
        """Run all that has something to do, and what is found to have when that is done.

        Raises:
            UserError: one of DVC's processes died.
        """
        self._look()
        if not self._changed:
            return
        try:
            with self._programs() as self._folder, _workers(self._jobs) as (pool, running):
                self._start(pool, running)
                while running:
                    if not (done := self._waited(running)):
                        continue
                    for future in done:
                        self._end(running.pop(future), future)
                    self._look()
                    self._start(pool, running)
        finally:
            self._status.show("")
            self._graph.sort_files()

    def _programs(self) -> AbstractContextManager[str]:
        """The folder of a Python that has stages' libraries loaded; "" where few stages are left, or it cannot be."""
        return warm_python() if self.waiting >= MANY and is_possible() else nullcontext("")

    def _waited(self, running: Running) -> set[Future[Outcome]]:
        """Those that have ended, of some; none yet where the status is to be shown again."""
        now = time.monotonic()
        stages = ", ".join(f"{name} {now - self._begun[name]:.0f} s" for name in running.values())
        self._status.show(f"{self._place()} {stages}")
        return wait(running, REFRESH if self._status.clear else None, FIRST_COMPLETED).done

    def _look(self) -> None:
        """Have DVC look at the stages whose upstream stages are done, then at those behind what has nothing to do."""
        while not self._obstacle and (ready := self._ready()):
            try:
                changed = self._graph.changed(ready)
            except UserError as error:  # as another DVC writes what it would look at; what runs here is finished
                self._obstacle = str(error)
                return
            self._unseen = [name for name in self._unseen if name not in ready]
            self._changed += changed
            self.current |= ready - {*changed}

    def _ready(self) -> set[str]:
        done = self.current | {outcome.stage for outcome in self.outcomes if not outcome.error}
        return {name for name in self._unseen if self._graph.upstream[name] <= done}

    def _start(self, pool: WorkerPool, running: Running) -> None:
        """Start as many as there is room for, first those that most stages in a row wait for."""
        if self._obstacle or (self.failed and not self._keep_going):
            return
        share = max(1, worker_count() // max(1, min(self._jobs, len(running) + len(self._changed))))
        self._changed.sort(key=lambda name: -self._depths[name])
        while self._changed and len(running) < self._jobs:
            name = self._changed.pop(0)
            self._tell(f"{name} starts")
            self._begun[name] = time.monotonic()
            running[pool.submit(run_stage, name, self._graph.target(name), share, self._status.clear, self._folder)] = (
                name
            )

    def _end(self, name: str, future: Future[Outcome]) -> None:
        try:
            outcome = future.result()
        except BrokenProcessPool as error:
            raise UserError(f"{name}: a process of DVC died (out of memory?); run again, with fewer --jobs") from error
        self.outcomes.append(outcome)
        self._tell(f"{name} {'failed' if outcome.error else 'is done'} after {outcome.seconds:.1f} s")

    def _tell(self, text: str) -> None:
        self._status.show("")
        self._say(f"{self._place()} {text}")

    def _place(self) -> str:
        return f"[{len(self.current) + len(self.outcomes)}/{len(self._graph.order)}]"


def _depths(graph: DvcGraph) -> dict[str, int]:
    """How many stages in a row wait for each."""
    depths = dict.fromkeys(graph.order, 0)
    for name in reversed(graph.order):
        for before in graph.upstream[name]:
            depths[before] = max(depths[before], depths[name] + 1)
    return depths


def _start_method() -> BaseContext:
    """How processes are started: from one that has imported DVC, where the system can, so that DVC is imported once."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED])
    return context


@contextmanager
def _workers(jobs: int) -> Iterator[tuple[WorkerPool, Running]]:
    """Open processes for stages, and a table of those that run: their commands are ended when the block is."""
    import psutil

    pool = WorkerPool(jobs, _start_method(), initializer=interrupts.follow_parent)
    running: Running = {}
    try:
        yield pool, running
    finally:
        end_commands(psutil.Process(), lambda seconds: not wait(running, seconds).not_done)
        pool.shutdown(cancel_futures=True)
