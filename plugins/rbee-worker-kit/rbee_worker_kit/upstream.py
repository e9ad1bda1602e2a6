"""Requests to the engine: one connection each, so that closing it cancels the work.

HTTP is parsed by httptools (C); what arrives is handed on as it came, several tokens at once when they arrive faster
than they can be passed on. Nothing here looks into a token.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import httptools

from .process import Address

#: Bytes waiting for a slow client before the engine is made to wait.
_HIGH_WATER = 1 << 20


class UpstreamError(Exception):
    """The engine broke off the connection."""


class Exchange(asyncio.Protocol):
    """One request to the engine and its answer."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._chunks: list[bytes] = []
        self._waiting = 0
        self._ended = False
        self._paused = False
        self._broken = False
        self._waiter: asyncio.Future[None] | None = None
        self._head: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.content_type = b"application/json"

    # --- for the front ----------------------------------------------------------------------------------------------

    async def status(self) -> int:
        """The answer's status, as soon as its head is here.

        :raises UpstreamError: the connection ended before that.
        """
        return await self._head

    async def chunks(self) -> AsyncIterator[bytes]:
        """The answer's body as it arrives.

        :raises UpstreamError: the connection ended before the body did.
        """
        while True:
            if self._chunks:
                data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
                self._chunks.clear()
                self._waiting = 0
                if self._paused and self._transport is not None:
                    self._paused = False
                    self._transport.resume_reading()
                yield data
            elif self._ended:
                return
            elif self._broken:
                raise UpstreamError("the engine closed the connection")
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter

    async def body(self) -> bytes:
        """The whole body."""
        return b"".join([chunk async for chunk in self.chunks()])

    def close(self) -> None:
        """Drop the connection; the engine stops computing for it."""
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not of asyncio's classes
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._broken = True
            self.close()
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._broken = not self._ended
        if not self._head.done():
            self._head.set_exception(UpstreamError("the engine closed the connection"))
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # --- httptools --------------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self.content_type = value

    def on_headers_complete(self) -> None:
        if not self._head.done():
            self._head.set_result(self._parser.get_status_code())

    def on_body(self, data: bytes) -> None:
        self._chunks.append(data)
        self._waiting += len(data)
        if self._waiting > _HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        self._ended = True


class Upstream:
    """The engine's address, with its key.

    :param connections: most connections at once; further requests wait their turn here.
    """

    def __init__(self, address: Address, key: str, connections: int) -> None:
        self._address = address
        self._key = key
        self.turn = asyncio.Semaphore(connections)

    async def post(self, path: str, body: bytes) -> Exchange:
        """Send a request; the answer's head need not be here yet.

        :raises UpstreamError: nobody listens.
        """
        head = (
            f"POST {path} HTTP/1.1\r\nHost: engine\r\nContent-Type: application/json\r\nConnection: close\r\n"
            f"Authorization: Bearer {self._key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        request = head.encode("ascii") + body
        loop = asyncio.get_running_loop()
        try:
            if self._address.path is not None:
                _, exchange = await loop.create_unix_connection(lambda: Exchange(request), self._address.path)
            else:
                _, exchange = await loop.create_connection(lambda: Exchange(request), "127.0.0.1", self._address.port)
        except OSError as error:
            raise UpstreamError(str(error)) from None
        return exchange
