"""Which of Gradio's addresses are open: those that the page needs, and of its visitors' files only their own.

Gradio by itself fetches what a file's address names from other hosts, takes any path on this machine for an upload
where it is mounted, and keeps states that visitors want to share.
"""

import json
import secrets
from contextlib import ExitStack
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from pipeline.app.page.uploads import NoRoomError, Uploads

if TYPE_CHECKING:
    from fastapi import FastAPI, Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIX = "/gradio_api/"
OPEN = (
    "queue/data",
    "upload_progress",
    "heartbeat/",
    "startup-events",
    "cancel",
    "reset",
    "app_id",
    "theme.css",
)
"""of the addresses below `PREFIX`"""
SHUT = ("/config", "/monitoring", "/login", "/svelte/", "/custom_component/", "/pwa_icon")
"""of the others"""
LONGEST_QUESTION = 1 << 16
"""of what asks for an answer (bytes): it names a file, and does not hold it"""


class Door:
    """ASGI middleware before Gradio.

    Args:
        app: what is behind it.
        uploads: files that visitors may ask about.
    """

    def __init__(self, app: "ASGIApp", uploads: Uploads) -> None:
        self._app, self._uploads = app, uploads

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer 404 to what is not open, and 422 to a question about something else than an upload."""
        from starlette.responses import JSONResponse

        path = scope.get("path", "")
        if scope["type"] != "http" or self._is_open(path):
            await self._app(scope, receive, send)
        elif path == f"{PREFIX}queue/join":
            question = self._question(await _body(receive))
            if question is not None:
                await self._app(scope, _again(question, receive), send)
            else:
                await JSONResponse({"error": "asks about no recording that was sent"}, 422)(scope, receive, send)
        elif file := self._uploads.path(unquote(path.removeprefix(f"{PREFIX}file="))):
            address = f"{PREFIX}file={file}"
            await self._app({**scope, "path": address, "raw_path": quote(address).encode()}, receive, send)
        else:
            await JSONResponse({"error": "there is nothing here"}, 404)(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        if not path.startswith(PREFIX):
            return not path.startswith(SHUT)
        address = path.removeprefix(PREFIX)
        return address == "upload" or address.startswith(OPEN)

    def _question(self, body: bytes | None) -> bytes | None:
        """What is asked as Gradio takes it: of nothing, as for an example, or of a file that waits; None otherwise."""
        try:
            question = json.loads(body or b"")
            given = question["data"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        located = [self._located(each) for each in given] if isinstance(given, list) else [None]
        if len(located) > 1 or None in located:
            return None
        return json.dumps({**question, "data": located}).encode()

    def _located(self, value: Any) -> dict[str, Any] | None:
        """A file with its path, and kept until its answer; None for what does not wait, or is no file."""
        path = self._uploads.path(value.get("path")) if isinstance(value, dict) and _is_flat(value) else None
        if path is None:
            return None
        self._uploads.ask(path)
        return {**value, "path": path}


def _is_flat(value: dict[str, Any]) -> bool:
    """Whether a file names no others: Gradio looks for them at any depth."""
    texts = {key: inner for key, inner in value.items() if key != "meta"}
    return value.get("meta") in (None, {"_type": "gradio.FileData"}) and not any(
        isinstance(inner, dict | list) for inner in texts.values()
    )


async def _body(receive: "Receive") -> bytes | None:
    """What is sent; None where it is too long."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LONGEST_QUESTION:
            return None
    return body


def _again(body: bytes, receive: "Receive") -> "Receive":
    """What gives a body once more, and then what comes after it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> "Message":
        return first.pop() if first else await receive()

    return again


def open_uploads(app: "FastAPI", uploads: Uploads, largest: int) -> None:
    """Take uploads in Gradio's place, each into a folder of its own: its own is that of all files of one content.

    So an answer can delete its file, and two visitors may send the same. One file is taken at a time.

    Args:
        app: the application.
        uploads: where they wait.
        largest: of an upload (bytes).
    """
    from fastapi import Request
    from fastapi.responses import JSONResponse
    from starlette.formparsers import MultiPartException

    async def upload(request: Request, upload_id: str | None = None) -> JSONResponse:
        folder = uploads.folder / secrets.token_hex(16)
        with ExitStack() as stack:
            try:
                stack.enter_context(uploads.room(_length(request, largest), largest))
                folder.mkdir(parents=True)
                path = await _received(request, folder, largest, upload_id)
            except NoRoomError:
                error = "too many recordings wait for their answers; try again in a moment"
                return JSONResponse({"error": error}, 503, headers={"Retry-After": "5"})
            except BaseException as error:  # a visitor who went away, too
                rmtree(folder, ignore_errors=True)
                if not isinstance(error, MultiPartException):
                    raise
                return JSONResponse({"error": error.message}, 413 if "maximum allowed size" in error.message else 400)
            return JSONResponse([uploads.add(path)])

    app.add_api_route(f"{PREFIX}upload", upload, methods=["POST"], include_in_schema=False)


def _length(request: "Request", largest: int) -> int:
    """How much comes at most (bytes)."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else largest


async def _received(request: "Request", folder: Path, largest: int, upload_id: str | None) -> Path:
    """The file of a form, in a folder, under the name that its visitor gave it.

    Raises:
        MultiPartException: the form holds no file, or more than one, or a larger one.
    """
    from gradio.route_utils import GradioMultiPartParser, GradioUploadFile
    from gradio.routes import file_upload_statuses
    from gradio_client.utils import strip_invalid_filename_characters
    from starlette.formparsers import MultiPartException

    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise MultiPartException("a recording is sent as a form")
    if upload_id:
        file_upload_statuses.track(upload_id)
    form = await GradioMultiPartParser(
        request.headers,
        request.stream(),
        max_files=1,
        max_fields=0,
        upload_dir=str(folder),
        max_file_size=largest,
        upload_id=upload_id,
        upload_progress=file_upload_statuses if upload_id else None,
    ).parse()
    file = form.get("files")
    if not isinstance(file, GradioUploadFile):
        raise MultiPartException("the form holds no recording")
    file.file.close()
    name = strip_invalid_filename_characters(Path(file.filename or "").name).lstrip(".") or "recording"
    return Path(str(file.file.name)).rename(folder / name)
