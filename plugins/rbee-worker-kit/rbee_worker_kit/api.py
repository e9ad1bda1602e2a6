"""The HTTP front: which paths there are, what they take, what they answer."""

from __future__ import annotations

import time

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from .browsers import NoForeignPages
from .contract import WorkerInfo
from .endpoints import Endpoint
from .errors import ApiError
from .intake import check_model, key_check, parse_body, read_body
from .openapi import ERRORS, body_of, document
from .program import Program
from .relay import Relay
from .settings import Settings
from .state import State
from .version import version


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


def create_app(program: Program, settings: Settings, state: State) -> FastAPI:
    """The application for one loaded model."""
    app = FastAPI(
        title="rbee worker",
        version="1",
        description=program.description,
        docs_url=None,
        redoc_url=None,
    )
    started = int(time.time())
    guard = [Depends(key_check(settings.api_key))]
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
            implementation=program.implementation,
            version=version(program),
        )

    @app.get("/v1/models", dependencies=guard, tags=["openai"])
    async def models() -> ModelList:
        """The loaded model."""
        return ModelList(data=[Model(id=settings.model_id, created=started)])

    @app.get("/v1/models/{model:path}", dependencies=guard, responses={404: ERRORS[404]}, tags=["openai"])
    async def model(model: str) -> Model:
        """The loaded model, asked for by its id."""
        check_model(model, settings)
        return Model(id=settings.model_id, created=started)

    def ask_the_model(endpoint: Endpoint) -> None:
        async def answer(request: Request) -> Response:
            state.asked()
            state.engine()
            _check_task(endpoint.task, state)
            body = await read_body(request)
            check_model(parse_body(endpoint.shape, body).model, settings)
            return Relay(state, endpoint.path, body)

        answer.__doc__ = endpoint.summary
        app.post(
            endpoint.path,
            dependencies=guard,
            responses=ERRORS | {200: endpoint.answers},
            openapi_extra={"requestBody": body_of(endpoint.shape)},
            response_class=Response,
            name=endpoint.path.removeprefix("/v1/"),
            tags=["openai"],
        )(answer)

    endpoints = program.endpoints()
    for endpoint in endpoints:
        ask_the_model(endpoint)
    document(app, [endpoint.shape for endpoint in endpoints])
    return app


def _check_task(task: str, state: State) -> None:
    if task not in state.tasks:
        words = {"completion": "text", "embedding": "embeddings"}
        instead = " and ".join(words.get(one, one) for one in sorted(state.tasks)) or "nothing"
        raise ApiError(400, f"The loaded model makes {instead}, not this.", code="unsupported_task")


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
