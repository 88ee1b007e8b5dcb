"""Where independent pieces of work run: in this process, in worker processes, on a Dask cluster, or in any executor.

`SER_WORKERS` (default: all cores) and `SER_CLUSTER` (tcp://host:port of a Dask scheduler, shared filesystem) choose.
Every task runs its numeric libraries on a fixed number of threads, so that the result does not depend on the choice and
two workers do not use four cores.
"""

import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, nullcontext
from functools import lru_cache
from itertools import cycle
from typing import Any, TypeVar

from pipeline.errors import ParamsError, UserError
from pipeline.jobs import interrupts
from pipeline.jobs.allocator import freed_memory_kept
from pipeline.jobs.cluster import open_cluster, scheduler_address

Item = TypeVar("Item")
Result = TypeVar("Result")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
MEMORY_VARIABLE = "SER_MEMORY"
"""GiB of features that one training may keep in memory"""

GIB = 2**30

_COMPUTING = threading.RLock()
"""held by the task that computes: the number of threads of numeric libraries is that of the whole process"""


def cores() -> int:
    """Number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_count(asked: int | None = None) -> int:
    """Number of workers: as asked, or `SER_WORKERS`, or one per core.

    Raises:
        ParamsError: `SER_WORKERS` is no positive number.
    """
    if asked is not None:
        return asked
    text = os.environ.get("SER_WORKERS", "")
    if not text:
        return cores()
    if not text.isdecimal() or int(text) < 1:
        raise ParamsError(f"SER_WORKERS={text!r}: expected a number of workers, 1 or more")
    return int(text)


def memory_share() -> int:
    """Bytes of memory that the work of this process and its workers may keep data in, where `SER_MEMORY` says nothing.

    That is a quarter of the machine's, or of it the share of the cores that `SER_WORKERS` leaves to this process.

    Raises:
        ParamsError: `SER_WORKERS` is no positive number.
    """
    known = hasattr(os, "sysconf")
    quarter = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4 if known else 4 * GIB
    return quarter * min(worker_count(), cores()) // cores()


@contextmanager
def open_executor(
    workers: int,
    tasks: int,
    cluster: str | None = None,
    resources: dict[str, float] | None = None,
    given: Executor | None = None,
) -> Iterator[Executor | None]:
    """Open the executor for so many tasks; None when they are best run in this process.

    Args:
        workers: worker processes; 1 for none.
        tasks: how many there are; no more workers are started.
        cluster: address of a Dask scheduler; default `SER_CLUSTER`.
        resources: Dask resources that each task takes, as {"GPU": 1}.
        given: an executor of the caller's, used instead and left open; its workers see the same files.

    Raises:
        ParamsError: the cluster's address is none.
        UserError: the cluster cannot be reached, has no worker, or fails; or the extra is not installed.
    """
    address = scheduler_address(cluster)
    if given is not None:
        yield given
    elif address and tasks:
        with open_cluster(address, resources or {}) as executor:
            yield executor
    elif min(workers, tasks) < 2:
        yield None
    else:
        with _shared(min(workers, tasks), threads=1), _pool(min(workers, tasks)) as pool:
            yield pool


@contextmanager
def open_each(count: int) -> Iterator[Executor]:
    """Open `count` worker processes that take tasks in turn, so that each can own a device; they share the cores."""
    with ExitStack() as stack:
        stack.enter_context(_shared(count, threads=max(1, cores() // count)))
        yield _InTurn([stack.enter_context(_pool(1)) for _ in range(count)])


class _InTurn(Executor):
    """Give task i to executor i modulo their number."""

    def __init__(self, executors: Sequence[Executor]) -> None:
        self._next = cycle(executors)

    def submit(self, task: Callable[..., Any], /, *values: Any, **named: Any) -> Future[Any]:
        return next(self._next).submit(task, *values, **named)


class WorkerPool(ProcessPoolExecutor):
    """Worker processes that leave Ctrl-C to their parent."""

    def submit(self, task: Callable[..., Any], /, *values: Any, **named: Any) -> Future[Any]:
        """Give a task to a process, which is started if there is none to spare."""
        with interrupts.postponed():
            return super().submit(task, *values, **named)

    def end(self) -> None:
        """End the processes, whatever they are doing."""
        for process in list((self._processes or {}).values()):
            process.terminate()


@contextmanager
def _pool(workers: int) -> Iterator[Executor]:
    pool = WorkerPool(workers, multiprocessing.get_context("spawn"), initializer=interrupts.follow_parent)
    try:
        yield pool
    except Exception:
        raise
    except BaseException:  # Ctrl-C, a signal, or results are no longer taken: the next run does long tasks again
        pool.end()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _shared(workers: int, threads: int) -> Iterator[None]:
    """Let so many worker processes started meanwhile have so many threads each, and share the memory for features."""
    own = dict.fromkeys(THREAD_VARIABLES, str(threads))
    if not os.environ.get(MEMORY_VARIABLE):
        own[MEMORY_VARIABLE] = str(memory_share() / workers / GIB)
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def undisturbed() -> Iterator[None]:
    """Compute alone in this process: workers that have several threads take turns."""
    with _COMPUTING:
        yield


@lru_cache(maxsize=1)
def _thread_pools(modules: int) -> Any:
    """The thread pools of the libraries that are loaded; to look for them takes 4 ms, so only when modules are new."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def single_thread(torch: bool = True) -> Iterator[None]:
    """Compute alone in this process, with numeric libraries (and torch, if it is used) kept to one thread."""
    with (
        _COMPUTING,
        _single_torch_thread() if torch else nullcontext(),
        _thread_pools(len(sys.modules)).limit(limits=1),
    ):
        yield


@contextmanager
def training(network: bool) -> Iterator[None]:
    """Compute alone in this process, as a model is trained: a network on one thread of torch, keeping freed memory."""
    with single_thread(torch=network), freed_memory_kept() if network else nullcontext():
        yield


@contextmanager
def _single_torch_thread() -> Iterator[None]:
    """The number from before is read before OpenMP is held to one: torch asks OpenMP, and gives every new thread of the
    process the number that was set last.
    """
    from torch import get_num_threads, set_num_threads

    before = get_num_threads()
    set_num_threads(1)
    try:
        yield
    finally:
        set_num_threads(before)


def run_all(executor: Executor | None, task: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
    """Run `task` for every tuple of arguments; results come as they finish. The first error stops the rest.

    Raises:
        UserError: a worker process died (out of memory, or killed).
    """
    if executor is None:
        for values in arguments:
            yield task(*values)
        return
    futures = [executor.submit(task, *values) for values in arguments]
    try:
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise UserError("a worker process died (out of memory?); run again to go on, with fewer workers") from error
    finally:
        for future in futures if not isinstance(executor, WorkerPool | _InTurn) else ():
            future.cancel()  # our pools do it when they are closed; those that are ended must not meet cancelled ones


def in_threads(task: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """`task` of every item, in order; `threads` at once, so many more are begun before theirs are taken, and no more.

    For tasks that spend their time outside Python, as decoding does.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                pending.append(pool.submit(task, item))
                if len(pending) >= 2 * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
