"""HTTP connections that are not open for ever, and not too many: uvicorn itself waits without end for a request's head,
and answers what is none, or is one too many, in a form of its own.
"""

import asyncio
from http import HTTPStatus
from typing import Any

import h11
from starlette.responses import JSONResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

from pipeline.app.gate import HEADERS, Refused
from pipeline.app.limits import BUSY_SECONDS, CONNECTIONS, CONNECTIONS_EACH, HEAD_SECONDS
from pipeline.app.rates import network

REFUSED = 128
"""connections beyond `CONNECTIONS` that are told so; still more are cut off"""
REFUSED_SECONDS = 1.0
"""in which a request's head must have come to be told so"""


class Impatient(H11Protocol):
    """A connection that is closed where a head takes longer than `HEAD_SECONDS`, the first or a later one.

    One that is too many, in all or of its address, is answered 503.
    """

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        self._timer: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        self._is_refused = self._is_one_too_many()
        if self._is_refused:
            self.app = _too_many()
        if len(self.connections) > CONNECTIONS + REFUSED:
            transport.abort()
            return
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait for the rest, if there is one."""
        if self._timer is None and not self._is_busy():
            self._wait()
        super().data_received(data)
        if self._is_busy():
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Say that what came is no HTTP, in the form of all errors."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            response = _closing(Refused(HTTPStatus.BAD_REQUEST, msg))
            head = h11.Response(status_code=400, headers=response.raw_headers, reason=b"Bad Request")
            for event in (head, h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _is_one_too_many(self) -> bool:
        if self.client is None:
            return False
        own = network(self.client[0])
        clients = [other.client[0] for other in self.connections if isinstance(other, Impatient) and other.client]
        return len(clients) > CONNECTIONS or sum(network(client) == own for client in clients) > CONNECTIONS_EACH

    def _is_busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait(self) -> None:
        seconds = REFUSED_SECONDS if self._is_refused else HEAD_SECONDS
        self._timer = self.loop.call_later(seconds, self.transport.close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _too_many() -> JSONResponse:
    return _closing(Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections; ask again", BUSY_SECONDS))


def _closing(refused: Refused) -> JSONResponse:
    """An answer after which the connection is closed."""
    response = refused.response()
    response.headers.update({**HEADERS, "Cache-Control": "no-store", "Connection": "close"})
    return response
