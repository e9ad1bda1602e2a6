"""The engine's HTTP server, for the front alone: one connection for each request, whose end cancels the work."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import uvicorn
from pydantic import ValidationError
from rbee_worker_kit.errors import ApiError
from rbee_worker_kit.requests import ChatCompletionRequest, CompletionRequest, EmbeddingRequest, Generation
from starlette.types import Receive, Scope, Send

from .answers import DONE, error_event
from .embedding import Embedder
from .sequence import Step
from .service import Service, Work

log = logging.getLogger("rbee_worker_transformers")

T = TypeVar("T")

_SHAPES: dict[str, type[Generation]] = {
    "/v1/completions": CompletionRequest,
    "/v1/chat/completions": ChatCompletionRequest,
}


class Application:
    """The ASGI application.

    :param key: what the front sends as a bearer token.
    """

    def __init__(self, service: Service | Embedder, key: str) -> None:
        self._service = service
        self._expected = f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        try:
            headers = dict(scope["headers"])
            if not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
                raise ApiError(401, "Not the front.", type="authentication_error")
            body = await _body(receive)
            work = asyncio.ensure_future(self._answer(scope["path"], body, send))
            gone = asyncio.ensure_future(_disconnected(receive))
            try:
                await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    work.result()
            finally:
                gone.cancel()
                work.cancel()
                await asyncio.wait({work})
        except ApiError as error:
            await error.response()(scope, receive, send)

    async def _answer(self, path: str, body: bytes, send: Send) -> None:
        service = self._service
        if isinstance(service, Embedder):
            await _send_json(send, await _in_thread(service.embed, _parsed(EmbeddingRequest, body)))
            return
        asked = _parsed(_SHAPES[path], body)
        loop = asyncio.get_running_loop()
        steps: asyncio.Queue[Step] = asyncio.Queue()

        def tell(step: Step) -> None:
            loop.call_soon_threadsafe(steps.put_nowait, step)

        # Making tokens of a long prompt takes a while: not in the thread that serves the others.
        work = await _in_thread(service.prepare, asked, tell)
        service.scheduler.submit(work.sequences)
        try:
            if asked.stream:
                await _stream(asked, work, steps, send)
            else:
                await _whole(work, steps, send)
        finally:
            service.scheduler.cancel(work.sequences)


async def _in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """What may take a while, or fail: a failure is an answer too, and not a connection that breaks off."""
    try:
        return await asyncio.to_thread(function, *arguments)
    except ApiError:
        raise
    except Exception as error:
        log.exception("a request failed")
        message = f"The engine failed: {type(error).__name__}: {error}"[:500]
        raise ApiError(500, message, type="server_error", code="engine_error") from error


async def _whole(work: Work, steps: asyncio.Queue[Step], send: Send) -> None:
    while not work.answer.is_complete:
        step = await steps.get()
        if step.error is not None:
            raise ApiError(500, step.error, type="server_error", code="engine_error")
        work.answer.take(step)
    await _send_json(send, work.answer.whole())


async def _stream(asked: Generation, work: Work, steps: asyncio.Queue[Step], send: Send) -> None:
    await _start(send, b"text/event-stream")
    await _send_events(send, work.answer.first_events())
    while not work.answer.is_complete:
        events: list[bytes] = []
        step: Step | None = await steps.get()
        while step is not None:
            if step.error is not None:
                await _send_events(send, [*events, error_event(step.error)], more=False)
                return
            work.answer.take(step)
            events += work.answer.events(step)
            step = None if steps.empty() else steps.get_nowait()  # what came meanwhile goes out in one piece
        if events:
            await _send_events(send, events)
    last = [work.answer.usage_event()] if asked.stream_options and asked.stream_options.include_usage else []
    await _send_events(send, [*last, DONE], more=False)


def _parsed(shape: Any, body: bytes) -> Any:
    """The front has checked it already; what comes here is right, or nobody's mistake but ours."""
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        raise ApiError(400, str(error.errors()[0]["msg"])) from None


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ApiError(400, "The request broke off.")
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _start(send: Send, content_type: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type)]})


async def _send_json(send: Send, table: dict[str, Any]) -> None:
    await _start(send, b"application/json")
    await send({"type": "http.response.body", "body": json.dumps(table, separators=(",", ":")).encode()})


async def _send_events(send: Send, events: list[bytes], *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": b"".join(events), "more_body": more})


def serve(application: Application, listen: str) -> str:
    """Serve in a thread of its own.

    :param listen: the path of a Unix socket, or the loopback address to take a free port of.
    :returns: the address.
    """
    is_path = "/" in listen or "\\" in listen
    listener = socket.socket(socket.AF_UNIX if is_path else socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(listen if is_path else (listen, 0))
    listener.listen(1024)
    address = f"unix://{listen}" if is_path else f"http://{listen}:{listener.getsockname()[1]}"
    settings = uvicorn.Config(application, log_config=None, access_log=False, lifespan="off", server_header=False)
    server = uvicorn.Server(settings)
    threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), name="http", daemon=True).start()
    return address
