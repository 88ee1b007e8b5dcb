"""Where work runs, as a command's options or a caller ask for it."""

from concurrent.futures import Executor
from dataclasses import dataclass

from pipeline.jobs.cluster import scheduler_address


@dataclass(frozen=True)
class Workplace:
    """Where work runs; it changes no result.

    Attributes:
        workers: worker processes; default `SER_WORKERS`, or one per core.
        cluster: address of a Dask scheduler; default `SER_CLUSTER`, and "" for none.
        devices: torch devices of models: of this machine, each with a process of its own when there are several, or of
            the cluster's workers; none for the usual.
        executor: used in place of workers and cluster, and left open; its workers see the same files.
    """

    workers: int | None = None
    cluster: str | None = None
    devices: tuple[str, ...] = ()
    executor: Executor | None = None

    @property
    def scheduler(self) -> str:
        """Address of the Dask scheduler; "" for none."""
        return scheduler_address(self.cluster)

    @property
    def is_elsewhere(self) -> bool:
        """Whether a cluster or a caller's executor does the work, and not this machine as it likes."""
        return self.executor is not None or bool(self.scheduler)


USUAL = Workplace()
"""as the environment says"""
