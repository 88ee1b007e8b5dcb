"""The server of `ser app`: the page and the API behind one gate, on one address."""

import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EADDRNOTAVAIL
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from pipeline.app.limits import Limits
from pipeline.errors import UserError
from pipeline.serving.loaded import LoadedModel

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI
    from starlette.types import ASGIApp

EXTRA = "the app needs the extra: pip install -c constraints.txt -e '.[app]'"
EVERYWHERE = {"0.0.0.0": (socket.AF_INET, "192.0.2.1"), "::": (socket.AF_INET6, "2001:db8::1")}  # noqa: S104
"""hosts that stand for all addresses of this machine -> their family, and an address of no machine (RFC 5737, 3849)"""
CLOSING_SECONDS = 3
"""that open connections have left when the server ends"""
SILENT = {"python_multipart": {"level": "CRITICAL"}}
"""loggers of libraries that say of each bad form what its client is told"""
KEPT_OPEN_SECONDS = 5
"""that a connection may rest between requests"""


@dataclass(frozen=True)
class Address:
    """Where a server listens.

    Attributes:
        host: name or IP address of this machine.
        port: of TCP; 0 for any that is free.
    """

    host: str = "127.0.0.1"
    port: int = 7860

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can ask."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    @property
    def url(self) -> str:
        """As browsers take it, on other machines too: of all addresses at once, the one that leads out of here."""
        host = _outward(self.host) if self.host in EVERYWHERE else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def listening(self) -> socket.socket:
        """A socket that listens there.

        Raises:
            UserError: the port is in use, or the host is none of this machine.
        """
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            listener = socket.socket(family, kind, protocol)
        except OSError as error:
            raise UserError(f"--host {self.host}: is no address of this machine ({error.strerror})") from error
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
            listener.listen(128)
        except OSError as error:
            listener.close()
            if error.errno == EADDRNOTAVAIL:
                cure = "give one that is, 127.0.0.1 for itself alone, or 0.0.0.0 for others too"
                raise UserError(f"--host {self.host}: is no address of this machine; {cure}") from error
            cure = f"give another, as --port {self.port % 65535 + 1}, or --port 0 for any that is free"
            what = f"--port {self.port}: cannot be listened on at {self.host}"
            raise UserError(f"{what} ({error.strerror}); {cure}") from error
        return listener

    def names(self) -> frozenset[str] | None:
        """What a browser may call it, whatever the port, for tunnels have their own: of loopback its own names, so that
        none made by others leads here; else any.
        """
        return frozenset({"localhost", "127.0.0.1", "::1", self.host.lower()}) if self.is_loopback else None


def _outward(host: str) -> str:
    """The address of this machine towards others, of the family of a host; its name where there is none.

    Nothing is sent: a datagram's socket only looks for its way.
    """
    family, other = EVERYWHERE[host]
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as way:
            way.connect((other, 9))
            return str(way.getsockname()[0])
    except OSError:
        return socket.gethostname()


def named(models: Sequence[LoadedModel]) -> dict[str, LoadedModel]:
    """Models by their names; of two of one name, the second has a number behind it."""
    known: dict[str, LoadedModel] = {}
    for model in models:
        name = model.name if model.name not in known else f"{model.name}-{len(known) + 1}"
        known[name] = model
    return known


@contextmanager
def application(
    models: Mapping[str, LoadedModel], limits: Limits, hosts: frozenset[str] | None, with_page: bool = True
) -> "Iterator[ASGIApp]":
    """The application, until the end of the block; what visitors sent is deleted at the latest then.

    Args:
        models: by name.
        limits: what is refused.
        hosts: names that the server goes by; None for any.
        with_page: whether the page is there, beside the API.
    """
    from pipeline.app.api import Office, api
    from pipeline.app.gate import Gate
    from pipeline.app.places import Places

    with TemporaryDirectory(prefix="ser-app-", ignore_cleanup_errors=True) as folder:
        places = Places(limits.concurrency, limits.waiting)
        try:
            app = api(Office(models, limits, places, Path(folder)))
            if with_page:
                _add_page(app, [*models.values()], limits, Path(folder))
            yield Gate(app, limits, hosts)
        finally:
            places.close()


def _add_page(app: "FastAPI", models: Sequence[LoadedModel], limits: Limits, folder: Path) -> None:
    """Put the page at /; Gradio keeps what it is sent in the folder, and tells nobody of it."""
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "page")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from pipeline.app.page.page import mounted, page

    blocks = page(models, limits.seconds, limits.concurrency, limits.bytes)
    blocks.queue(max_size=limits.waiting, api_open=False)
    mounted(app, blocks, limits.bytes)


def warm_up(models: Sequence[LoadedModel]) -> None:
    """Have models load all that they answer by, so that damage shows at once and the first visitor does not wait.

    Raises:
        UserError: one cannot answer.
    """
    quiet = np.random.default_rng(0).normal(0, 0.01, 16000)
    for model in models:
        model.predict_proba(quiet, 16000)


def check_extra() -> None:
    """Refuse to begin without what a server needs.

    Raises:
        UserError: the extra is not installed.
    """
    if not all(find_spec(name) for name in ("fastapi", "gradio", "python_multipart", "uvicorn")):
        raise UserError(EXTRA)


def server(app: "ASGIApp", begun: Callable[[], None]) -> "uvicorn.Server":
    """What answers by an application, until Ctrl-C or SIGTERM, once its `run` is given where it listens.

    Args:
        app: the application.
        begun: called when it answers.
    """
    import uvicorn
    from uvicorn.config import LOGGING_CONFIG

    from pipeline.app.patience import Impatient

    class Server(uvicorn.Server):
        async def startup(self, sockets: "list[socket.socket] | None" = None) -> None:
            await super().startup(sockets)
            begun()

    config = uvicorn.Config(
        app,
        log_config=LOGGING_CONFIG | {"loggers": LOGGING_CONFIG["loggers"] | SILENT},
        http=Impatient,
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="error",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEPT_OPEN_SECONDS,
        timeout_graceful_shutdown=CLOSING_SECONDS,
    )
    return Server(config)
