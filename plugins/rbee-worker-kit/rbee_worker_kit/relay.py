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
                work = asyncio.ensure_future(self._answer(send))
                gone = asyncio.ensure_future(_disconnected(receive))
                try:
                    await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
                    if work.done():
                        work.result()
                finally:
                    gone.cancel()
                    if not work.done():
                        work.cancel()
                        await asyncio.wait({work})
        except ApiError as error:
            await error.response()(scope, receive, send)

    async def _answer(self, send: Send) -> None:
        """Ask, and send on what comes; however this ends, the engine's connection is closed."""
        upstream = self._state.engine()
        async with upstream.turn:
            try:
                exchange = await upstream.post(self._path, self._body)
            except UpstreamError as error:
                raise _engine_gone() from error
            try:
                await _pass_on(exchange, send)
            finally:
                exchange.close()


async def _pass_on(exchange: Exchange, send: Send) -> None:
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
        if not started:
            raise _engine_gone() from error
        if not exchange.content_type.startswith(b"text/event-stream"):
            raise  # the connection breaks off, as the answer does
        await send({"type": "http.response.body", "body": _error_event()})


async def _disconnected(receive: Receive) -> None:
    """Wait for the client's end of the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _head(content_type: bytes) -> dict[str, object]:
    headers = [(b"content-type", content_type), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
    return {"type": "http.response.start", "status": 200, "headers": headers}


def _engine_gone() -> ApiError:
    return ApiError(503, "The engine ended.", type="server_error", code="engine_gone")


def _error_event() -> bytes:
    return b"data: " + json.dumps({"error": _engine_gone().detail.model_dump()}).encode() + b"\n\n"
