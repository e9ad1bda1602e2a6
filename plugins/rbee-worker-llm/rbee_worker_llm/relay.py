"""Passing the engine's answer on to the client, byte for byte, until one of them is done."""

from __future__ import annotations

import asyncio
import json

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .errors import ApiError, from_engine
from .state import State
from .upstream import Exchange, UpstreamError


class Relay(Response):
    """The answer to one completion: asks the engine, and streams what it says.

    A client that goes away ends the engine's work. A refusal by the engine is an `ApiError`'s response; an engine that
    breaks off in the middle ends a stream with an ``error`` event, which OpenAI's clients raise.
    """

    media_type = None

    def __init__(self, state: State, path: str, body: bytes) -> None:
        self._state = state
        self._path = path
        self._body = body
        self.background = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._state.request():
                await self._answer(scope, receive, send)
        except ApiError as error:
            await error.response()(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            exchange = await self._state.engine().post(self._path, self._body)
        except UpstreamError as error:
            raise _engine_gone() from error
        watcher = asyncio.ensure_future(_close_when_gone(receive, exchange))
        started = False
        try:
            status = await exchange.status()
            if status != 200:
                raise from_engine(status, await exchange.body())
            await send(_head(exchange.content_type))
            started = True
            async for data in exchange.chunks():
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except UpstreamError as error:
            if watcher.done():
                return  # the client went away, which is why we closed the engine's side
            if not started:
                raise _engine_gone() from error
            await send({"type": "http.response.body", "body": _broken_off(exchange.content_type)})
        finally:
            watcher.cancel()
            exchange.close()


async def _close_when_gone(receive: Receive, exchange: Exchange) -> None:
    """Wait for the client's end of the connection; closing the engine's makes it stop computing."""
    while (await receive())["type"] != "http.disconnect":
        pass
    exchange.close()


def _head(content_type: bytes) -> dict[str, object]:
    headers = [(b"content-type", content_type), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
    return {"type": "http.response.start", "status": 200, "headers": headers}


def _engine_gone() -> ApiError:
    return ApiError(503, "The engine ended.", type="server_error", code="engine_gone")


def _broken_off(content_type: bytes) -> bytes:
    """What ends an answer that cannot be finished: an error event in a stream; elsewhere the connection just ends."""
    if not content_type.startswith(b"text/event-stream"):
        return b""
    error = json.dumps({"error": {"message": "The engine ended.", "type": "server_error", "code": "engine_gone"}})
    return b"data: " + error.encode() + b"\n\n"
