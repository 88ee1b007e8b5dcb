"""What every request passes, the page's too: who may ask, how much, how fast, and what a browser may load.

ASGI middleware, as a request's body must be counted while it comes: what its head says of its length may be untrue or
missing.
"""

import asyncio
import math
from collections.abc import Collection
from http import HTTPStatus
from typing import NoReturn
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.app.limits import BODY_SECONDS, BUSY_SECONDS, Limits
from pipeline.app.rates import Rates

FREE = ("GET", "HEAD", "OPTIONS")
"""methods that cost no work"""
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
"""no other host, whatever the page asks for; no page of others around it. Gradio's own scripts are inline."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Refused(Exception):  # noqa: N818
    """A request that is not answered.

    Attributes:
        status: of HTTP.
        retry: seconds after which it may be made again; None where it may not.
    """

    def __init__(self, status: HTTPStatus, text: str, retry: float | None = None) -> None:
        super().__init__(text)
        self.status, self.retry = status, retry

    def response(self) -> JSONResponse:
        """The answer."""
        again = {} if self.retry is None else {"Retry-After": str(max(1, math.ceil(self.retry)))}
        return JSONResponse({"error": str(self)}, self.status, headers=again)


class Gate:
    """The application behind it answers what it lets through.

    Args:
        app: the application.
        limits: what is let through.
        hosts: names that the server goes by; None for any, where it is open to others anyway.
    """

    def __init__(self, app: ASGIApp, limits: Limits, hosts: Collection[str] | None) -> None:
        self._app, self._limits, self._hosts = app, limits, hosts
        self._arriving = Arriving(limits.arriving)
        self._rates = None if limits.per_minute is None else Rates(limits.per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._limits.bytes, self._arriving)
        answer = _Answer(send, body)
        try:
            self._check(scope)
            await self._app(scope, body.receive, answer.send)
        except Refused as refused:
            body.refused = refused
        except asyncio.CancelledError:  # Ctrl-C, and the time is over that open connections have
            body.refused = Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the server ends")
        except Exception:
            if body.refused is None:
                raise
        finally:
            body.forget()
        if body.refused is not None and not answer.begun:
            await body.refused.response()(scope, receive, answer.send_refusal)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers)
        self._check_length(headers)
        if scope["method"] not in FREE and self._rates is not None:
            address = scope["client"][0] if scope.get("client") else ""
            if wait := self._rates.wait(address):
                raise Refused(
                    HTTPStatus.TOO_MANY_REQUESTS, f"more than {self._limits.per_minute} requests a minute", wait
                )

    def _check_host(self, headers: Headers) -> None:
        """Refuse other sites' scripts, and names that were made to lead here (DNS rebinding)."""
        host, origin = headers.get("host", "").lower(), headers.get("origin")
        if self._hosts is not None and urlsplit(f"//{host}").hostname not in self._hosts:
            raise Refused(HTTPStatus.FORBIDDEN, "this server is not known by that name")
        is_foreign = origin is not None and urlsplit(origin).netloc.lower() != host
        is_embedded = headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate"
        if is_foreign or is_embedded:
            raise Refused(HTTPStatus.FORBIDDEN, "other sites cannot use this server")

    def _check_length(self, headers: Headers) -> None:
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > self._limits.bytes:
            raise too_large(self._limits.bytes)


def too_large(most: int) -> Refused:
    """More bytes than are taken."""
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {most / (1 << 20):.3g} MiB; send a shorter recording"
    )


class Arriving:
    """Bytes of all requests that are not answered yet. Who sends slowly holds only what came.

    Args:
        most: bytes at once.
    """

    def __init__(self, most: int) -> None:
        self._most, self._count = most, 0

    def add(self, count: int) -> None:
        """Count more bytes, or fewer.

        Raises:
            Refused: they are too many.
        """
        self._count += count
        if count > 0 and self._count > self._most:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too much arrives at once; ask again", BUSY_SECONDS)


class _Body:
    """A request's body, counted and timed.

    Attributes:
        refused: why no more of it is taken; whatever the application answers then is not sent.
    """

    def __init__(self, receive: Receive, most: int, arriving: Arriving) -> None:
        self._receive, self._most, self._count, self._arriving = receive, most, 0, arriving
        self._whole, self._end = False, asyncio.get_running_loop().time() + BODY_SECONDS
        self.refused: Refused | None = None

    async def receive(self) -> Message:
        """The next piece."""
        if self._whole:
            return await self._receive()  # of the end of the connection
        try:
            async with asyncio.timeout_at(self._end):
                message = await self._receive()
        except TimeoutError:
            self._refuse(Refused(HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {BODY_SECONDS:g} s"))
        self._whole = not message.get("more_body", False)
        self._add(len(message.get("body", b"")))
        return message

    def forget(self) -> None:
        """Count its bytes no longer: the request is answered."""
        self._arriving.add(-self._count)
        self._count = 0

    def _add(self, count: int) -> None:
        self._count += count
        try:
            self._arriving.add(count)
        except Refused as full:
            self._refuse(full)
        if self._count > self._most:
            self._refuse(too_large(self._most))

    def _refuse(self, refused: Refused) -> NoReturn:
        self.refused = refused
        raise refused


class _Answer:
    """An answer, with the headers that all have."""

    def __init__(self, send: Send, body: _Body) -> None:
        self._send, self._body, self.begun = send, body, False

    async def send(self, message: Message) -> None:
        """Send what the application answers."""
        if self.begun or self._body.refused is None:
            await self.send_refusal(message)

    async def send_refusal(self, message: Message) -> None:
        """Send what is answered in the application's stead."""
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(raw=message["headers"])
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        await self._send(message)
