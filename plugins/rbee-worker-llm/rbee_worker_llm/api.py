"""The HTTP front: which paths there are, what they take, what they answer."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from . import __doc__ as package_doc
from .browsers import NoForeignPages
from .contract import WorkerInfo
from .errors import ApiError, ErrorBody
from .relay import Relay
from .requests import ChatCompletionRequest, CompletionRequest, Generation
from .settings import MAX_BODY, Settings
from .state import State
from .version import IMPLEMENTATION, version

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorBody, "description": "The request is wrong; `param` names the field"},
    401: {"model": ErrorBody, "description": "No API key, or the wrong one"},
    404: {"model": ErrorBody, "description": "Another model than the loaded one was asked for"},
    413: {"model": ErrorBody, "description": "The body is too large"},
    503: {"model": ErrorBody, "description": "The model is still loading, or the worker is stopping"},
}


class Health(BaseModel):
    """Whether the worker can answer."""

    status: str


class Model(BaseModel):
    """A model, as OpenAI lists it."""

    id: str
    object: str = "model"
    created: int
    owned_by: str = "rbee"


class ModelList(BaseModel):
    """The models: the one that is loaded."""

    object: str = "list"
    data: list[Model]


def create_app(settings: Settings, state: State) -> FastAPI:
    """The application for one loaded model."""
    app = FastAPI(
        title="rbee worker",
        version="1",
        description=(package_doc or "").partition("\n")[0],
        docs_url=None,
        redoc_url=None,
    )
    started = int(time.time())
    guard = [Depends(_key_check(settings.api_key))]
    _handle_errors(app)
    if settings.api_key is None:
        app.add_middleware(NoForeignPages)

    @app.get("/health", responses={503: {"model": Health}}, tags=["worker"])
    async def health(response: Response) -> Health:
        """200 only when requests are answered; 503 while the model loads and once the worker stops."""
        available = state.upstream is not None and not state.is_stopping
        response.status_code = 200 if available else 503
        return Health(status="ok" if available else state.status.value)

    @app.get("/info", dependencies=guard, tags=["worker"])
    async def info() -> WorkerInfo:
        """What runs here."""
        return WorkerInfo(
            id=settings.worker_id,
            model_id=settings.model_id,
            device=settings.device,
            port=state.port,
            status=state.status,
            implementation=IMPLEMENTATION,
            version=version(),
        )

    @app.get("/v1/models", dependencies=guard, tags=["openai"])
    async def models() -> ModelList:
        """The loaded model."""
        return ModelList(data=[Model(id=settings.model_id, created=started)])

    @app.get("/v1/models/{model:path}", dependencies=guard, responses={404: _ERRORS[404]}, tags=["openai"])
    async def model(model: str) -> Model:
        """The loaded model, asked for by its id."""
        _check_model(model, settings)
        return Model(id=settings.model_id, created=started)

    def completion(path: str, shape: type[Generation], summary: str) -> None:
        async def endpoint(request: Request) -> Response:
            state.engine()
            body = await _read(request)
            asked = _parse(shape, body)
            _check_model(asked.model, settings)
            return Relay(state, path, body)

        endpoint.__doc__ = summary
        app.post(
            path,
            dependencies=guard,
            responses=_ERRORS | {200: _answers()},
            openapi_extra={"requestBody": _body_of(shape)},
            response_class=Response,
            name=path.removeprefix("/v1/"),
            tags=["openai"],
        )(endpoint)

    completion("/v1/completions", CompletionRequest, "Continue a text. Streams server-sent events if asked to.")
    completion("/v1/chat/completions", ChatCompletionRequest, "Answer a chat. Streams server-sent events if asked to.")
    _document(app)
    return app


# --- what a request must be -------------------------------------------------------------------------------------------


def _key_check(key: str | None) -> Callable[[Request], Awaitable[None]]:
    expected = key.encode() if key else b""

    async def check(request: Request) -> None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        sound = scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), expected)
        if expected and not sound:
            raise ApiError(
                401,
                "Incorrect API key provided." if given else "You didn't provide an API key.",
                type="authentication_error",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )

    return check


async def _read(request: Request) -> bytes:
    """The body. One that is too large is refused, at once or after it was swallowed.

    A client that is still sending when the connection closes sees only that, and not the answer: up to a point it is
    left to finish.
    """
    too_large = ApiError(413, f"The request is larger than {MAX_BODY} bytes.", code="request_too_large")
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > 4 * MAX_BODY:
        raise too_large
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > 4 * MAX_BODY:
            raise too_large
        if size <= MAX_BODY:
            parts.append(part)
    if size > MAX_BODY:
        raise too_large
    return b"".join(parts)


def _parse(shape: type[Generation], body: bytes) -> Generation:
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        param = ".".join(str(part) for part in first["loc"]) or None
        where = f"'{param}': " if param else ""
        raise ApiError(400, f"{where}{first['msg']}", param=param) from None


def _check_model(asked: str | None, settings: Settings) -> None:
    if asked and asked != settings.model_id:
        raise ApiError(
            404,
            f"The model '{asked[:200]}' is not loaded here; this worker serves '{settings.model_id}'.",
            param="model",
            code="model_not_found",
        )


def _handle_errors(app: FastAPI) -> None:
    @app.exception_handler(ApiError)
    async def on_api_error(request: Request, error: ApiError) -> JSONResponse:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return ApiError(400, str(error.errors()[0]["msg"])).response()

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> JSONResponse:
        kind = "not_found" if error.status_code == 404 else "invalid_request_error"
        return ApiError(error.status_code, str(error.detail), type=kind, headers=dict(error.headers or {})).response()


# --- the OpenAPI document ---------------------------------------------------------------------------------------------


def _answers() -> dict[str, Any]:
    return {
        "description": "The completion, or with `stream` its events, the last of them `[DONE]`",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "text/event-stream": {"schema": {"type": "string"}},
        },
    }


def _body_of(shape: type[BaseModel]) -> dict[str, Any]:
    return {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{shape.__name__}"}}},
    }


def _document(app: FastAPI) -> None:
    """Add to the generated document what is read by hand: the request bodies' schemas, and the bearer key."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document: dict[str, Any] = generate()
            schemas = document["components"]["schemas"]
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            for operation in (operation for path in document["paths"].values() for operation in path.values()):
                operation["responses"].pop("422", None)  # what cannot be read is a 400 here
            for shape in (CompletionRequest, ChatCompletionRequest):
                schema = shape.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas |= schema.pop("$defs", {})
                schemas[shape.__name__] = schema
            document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{}, {"key": []}]
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
