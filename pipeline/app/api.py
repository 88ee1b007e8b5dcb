"""The HTTP API: what models there are, and what they say of a recording.

    curl --data-binary @speech.wav http://127.0.0.1:7860/api/predict

`/api/docs` says all of it, and `/api/openapi.json` says it to programs.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from pipeline import __version__
from pipeline.app.analysis import as_json, facts
from pipeline.app.audible import SHORTEST, TooLongError
from pipeline.app.docs import docs_page
from pipeline.app.gate import Refused
from pipeline.app.limits import BUSY_SECONDS, Limits
from pipeline.app.places import Full, Places
from pipeline.app.schema import Error, Health, Models, Prediction, described
from pipeline.app.visits import UnreadableError, answered, own_file
from pipeline.errors import UserError, message_line, nearest
from pipeline.serving.export_reading import read_export
from pipeline.serving.loaded import LoadedModel
from pipeline.strict import Strict

Responses = dict[int | str, dict[str, Any]]
"""by status, as FastAPI describes them"""

FIELD = "file"
"""of a form that has the recording"""
ASKED = {"model", "segments"}
"""parameters of a question"""
CURL = f"with curl, give -F {FIELD}=@speech.wav"
FORM = "multipart/form-data"
RAW = ("", "application/octet-stream", "application/ogg", "application/x-www-form-urlencoded")
"""types of a body that may be a recording, beside audio and video; the last is what curl says"""
PIECE = 1 << 20
BODY = {
    "requestBody": {
        "required": True,
        "description": f"the recording: WAV, FLAC, Ogg, MP3 or another; or a form with it in the field `{FIELD}`",
        "content": {
            "audio/*": {"schema": {"type": "string", "format": "binary"}},
            FORM: {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}
ANSWERS: Mapping[str, type[Strict]] = {"health": Health, "models": Models, "predict": Prediction}
REFUSALS = {
    400: "the form cannot be read, or the recording did not come whole",
    403: "another site's script asked, or the server is not known by the name it was asked by",
    404: "there is no such model",
    408: "the recording came too slowly",
    413: "the recording has too many bytes, or is too long",
    415: "the body is of a type that no recording is of",
    422: f"the recording cannot be read, is damaged, silent, or shorter than {SHORTEST:g} s, or a parameter is wrong",
    429: "too many requests in a minute; Retry-After says when to ask again",
    500: "the model cannot answer",
    503: "there is no room now; Retry-After says when to ask again",
}


@dataclass(frozen=True)
class Office:
    """What answers the API's requests.

    Attributes:
        models: by the name that they are asked by; the first answers where none is named.
        limits: what is refused.
        places: where recordings that have come wait and are worked on.
        folder: where they lie meanwhile.
    """

    models: Mapping[str, LoadedModel]
    limits: Limits
    places: Places
    folder: Path

    def model(self, name: str | None) -> LoadedModel:
        """The model of a name.

        Raises:
            Refused: there is none.
        """
        if name is None:
            return next(iter(self.models.values()))
        if name not in self.models:
            others = ", ".join(self.models)
            raise Refused(HTTPStatus.NOT_FOUND, f"no model {name[:200]!r}{nearest(name, self.models)}; known: {others}")
        return self.models[name]

    async def answer(self, request: Request, name: str | None, segments: bool) -> dict[str, Any]:
        """What a model says of the recording in a request.

        Raises:
            Refused: it cannot be said.
        """
        model, is_form = self.model(name), _is_form(request)
        try:
            with own_file(self.folder) as path:
                await _received(_form(request) if is_form else request.stream(), path)
                task = partial(answered, model, path, self.limits.seconds, segments)
                async with self.places.taken():  # not before all has come, as a slow client would keep others out
                    return as_json(await self.places.run(task))
        except Full as full:
            text = f"{self.limits.waiting} recordings wait already; ask again"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, text, BUSY_SECONDS) from full
        except TooLongError as error:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from error
        except UnreadableError as error:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error


def _is_form(request: Request) -> bool:
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != FORM and media not in RAW and not media.startswith(("audio/", "video/")):
        text = f"the body is {media[:80]}; send a recording's file, as audio/wav, or a form with it as {FIELD!r}"
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, text)
    return media == FORM


async def _form(request: Request) -> AsyncIterator[bytes]:
    """The pieces of the file in a form."""
    try:
        async with request.form(max_files=1, max_fields=8) as form:
            file = _file(form)
            while piece := await file.read(PIECE):
                yield piece
    except HTTPException as error:
        text = f"the form cannot be read ({str(error.detail).rstrip('.')}); {CURL}"
        raise Refused(HTTPStatus.BAD_REQUEST, text) from error


def _file(form: FormData) -> UploadFile:
    file = form.get(FIELD)
    if isinstance(file, UploadFile):
        return file
    problem = f"the form has no file in its field {FIELD!r}" if file is None else f"the form's {FIELD!r} is no file"
    raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, f"{problem}; {CURL}")


async def _received(pieces: AsyncIterator[bytes], path: Path) -> None:
    with path.open("wb") as file:
        async for piece in pieces:
            file.write(piece)
        if not file.tell():
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "recording: nothing came; send its file as the body")


def api(office: Office) -> FastAPI:
    """The application that answers the API."""
    app = FastAPI(
        title="Speech emotion recognition",
        version=__version__,
        description=__doc__.partition("\n")[0],
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    router = _routes(office)
    rest = Rest([route for route in (*app.routes, *router.routes) if isinstance(route, Route)])
    app.include_router(router)
    app.router.routes.append(Route("/api/{rest:path}", rest, include_in_schema=False))
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(UserError, _unable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ClientDisconnect, _gone)
    return app


class Rest:
    """ASGI application of all that the API has not, which the page at / would else be asked for.

    Args:
        known: what the API has.
    """

    def __init__(self, known: Sequence[Route]) -> None:
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 405 where another method would be right, and else 404."""
        there = [route for route in self._known if route.matches(scope)[0] is not Match.NONE]
        methods = sorted({method for route in there for method in route.methods or ()})
        if not methods:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is nothing here; see /api/docs")
        allowed = ", ".join(methods)
        text = f"{scope['method'][:20]} is not answered here, {allowed} is"
        raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED, text, {"Allow": allowed})


def _routes(office: Office) -> APIRouter:
    router = APIRouter(prefix="/api")
    refusals: Responses = {status: {"description": text, "model": Error} for status, text in REFUSALS.items()}
    right: dict[str, Responses] = {name: {200: described(schema)} for name, schema in ANSWERS.items()}

    @router.get("/health", summary="Whether the server answers", responses=right["health"], response_model=None)
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    about = "The models, what they were trained on, and the limits"

    @router.get("/models", summary=about, responses=right["models"], response_model=None)
    async def models() -> dict[str, Any]:
        cards = {name: facts(read_export(model.source.folder)) for name, model in office.models.items()}
        limits = {"bytes": office.limits.bytes, "seconds": office.limits.seconds}
        return {"models": cards, "limits": limits | {"per_minute": office.limits.per_minute}}

    @router.post(
        "/predict",
        summary="What a model says of a recording",
        responses=right["predict"] | refusals,
        response_model=None,
        openapi_extra=BODY,
    )
    async def predict(
        request: Request,
        model: str | None = Query(None, description="a name of /api/models; the first where none is given"),
        segments: bool = Query(True, description="emotion over time too, of what is longer than a window of 3 s"),
    ) -> dict[str, Any]:
        if other := sorted({*request.query_params} - ASKED):
            raise HTTPException(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"{other[0][:100]!r} is no parameter; there are {' and '.join(sorted(ASKED))}",
            )
        return await office.answer(request, model, segments)

    @router.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        address = str(request.base_url).rstrip("/")
        return HTMLResponse(docs_page(request.app.openapi(), address, [*office.models], office.limits))

    return router


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)  # noqa: S101 (that is what it is registered for)
    return error.response()


async def _unable(request: Request, error: Exception) -> JSONResponse:
    """The model's fault, which is for the server's owner to read."""
    import sys

    print(f"error: {message_line(str(error).splitlines()[0])}", file=sys.stderr)
    return JSONResponse({"error": "the model cannot answer"}, HTTPStatus.INTERNAL_SERVER_ERROR)


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    return JSONResponse({"error": str(error.detail)}, error.status_code, headers=error.headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][1:])
    return JSONResponse({"error": f"{name}: {first['msg']}"}, HTTPStatus.UNPROCESSABLE_ENTITY)


async def _gone(request: Request, error: Exception) -> JSONResponse:
    """The client left before its recording had come."""
    return JSONResponse({"error": "the recording did not come whole"}, HTTPStatus.BAD_REQUEST)
