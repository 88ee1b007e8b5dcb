"""A Dask cluster: how to reach it, and what can go wrong with it, each in one line."""

import logging
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager
from typing import Any

from pipeline.arithmetic import is_portable
from pipeline.errors import ParamsError, UserError

CONNECT_WAIT = 20.0
"""how long a cluster's scheduler may take to answer (s)"""
WORKER_WAIT = 120.0
"""how long a cluster's first worker is waited for (s): a batch system starts workers one after another"""

ADDRESS = re.compile(r"(tcp|tls)://([^\s/:@\[\]]+|\[[0-9a-fA-F:.]+(%\w+)?\]):\d{1,5}")


def scheduler_address(asked: str | None) -> str:
    """The Dask scheduler's address: as asked, or `SER_CLUSTER`; "" for no cluster."""
    return os.environ.get("SER_CLUSTER", "") if asked is None else asked


@contextmanager
def open_cluster(address: str, resources: Mapping[str, float]) -> Iterator[Executor]:
    """Open the executor of a Dask scheduler, which itself runs a task again whose worker was lost.

    Args:
        address: of the scheduler, tcp://HOST:PORT.
        resources: Dask resources that each task takes, as {"GPU": 1}.

    Raises:
        ParamsError: the address is none, or the arithmetic is to be portable.
        UserError: the cluster cannot be reached, has no worker, or fails; or the extra is not installed.
    """
    _check_arithmetic(address)
    with _client(address) as client:
        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        _wait_for_worker(client, address, resources)
        try:
            yield client.get_executor(pure=False, **({"resources": dict(resources)} if resources else {}))
        except KilledWorker as error:
            last = f"the last was {error.last_worker.address}; out of memory?"
            raise UserError(f"{address}: a task lost worker after worker ({last}); run again, to go on") from error
        except (CancelledError, CommClosedError) as error:
            raise UserError(f"{address}: the Dask scheduler was lost; start it and run again, to go on") from error


def _client(address: str) -> Any:
    """A client of the scheduler."""
    _check_address(address)
    from distributed import Client

    try:
        client = Client(address, timeout=CONNECT_WAIT, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"no Dask scheduler answers at {address!r} ({reason}); is it running?") from error
    for name in ("distributed.client", "tornado.application"):  # they say a lost scheduler in forty lines
        logging.getLogger(name).setLevel(logging.CRITICAL)
    return client


def _check_arithmetic(address: str) -> None:
    """Refuse to compute portably, as the processes of a cluster were started by others."""
    if is_portable():
        raise ParamsError(
            f"{address}: a cluster's workers are not held to `arithmetic: portable`; compute here (no SER_CLUSTER, no "
            "--cluster), or take the key out of params.yaml and run `ser graph`"
        )


def _check_address(address: str) -> None:
    """Refuse what no scheduler answers at; Dask's client would ask it, and complain when it is collected."""
    if not ADDRESS.fullmatch(address):
        raise ParamsError(f"{address!r} is no address of a Dask scheduler; give tcp://HOST:PORT, as tcp://head:8786")
    try:
        from distributed import Security
    except ImportError as error:
        raise UserError("a Dask cluster needs the extra: pip install -c constraints.txt -e '.[cluster]'") from error
    if address.startswith("tls:") and not Security().get_connection_args("client")["ssl_context"]:
        raise ParamsError(
            f"{address}: Dask's configuration names no certificates; see distributed.comm.tls in its manual"
        )


def _wait_for_worker(client: Any, address: str, resources: Mapping[str, float]) -> None:
    """Wait until the cluster has a worker that can take a task."""
    wanted = "a worker" + "".join(f" with --resources {name}={amount:g}" for name, amount in resources.items())
    start = time.monotonic()
    announced = False
    while not _has_worker(client, resources):
        if time.monotonic() - start > WORKER_WAIT:
            raise UserError(f"{address}: the Dask cluster does not have {wanted}; start one (see examples/cluster.md)")
        if not announced:
            print(f"waiting for {wanted} at {address}", file=sys.stderr, flush=True)
            announced = True
        time.sleep(0.2)


def _has_worker(client: Any, resources: Mapping[str, float]) -> bool:
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return any(
        all(worker["resources"].get(name, 0) >= amount for name, amount in resources.items()) for worker in workers
    )
