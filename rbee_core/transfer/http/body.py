"""The bytes of one answer, read straight from its socket into a buffer that is used again and again."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from .errors import told

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

#: Bytes asked for at a time. What a socket gives at once is mostly less; where the line is faster than this process,
#: the kernel's buffer fills and each read brings more.
BUFFER = 1 << 18


class Body:
    """The rest of an answer's body, at most ``limit`` bytes of it; an iterator of views into one buffer.

    Reading past urllib3's own layers (which copy each piece several times) halves the cost of a fast download.

    :raises ConnectionError: it ended before its announced length, or broke.
    :raises TimeoutError: nothing came for as long as the client waits.
    """

    def __init__(self, response: BaseHTTPResponse, limit: int | None = None) -> None:
        self._response = response
        announced = _announced(response)
        self._announced = announced is not None
        self._left = min((n for n in (announced, limit) if n is not None), default=None)
        self._whole = limit is None or announced is None or announced <= limit
        self._aborted = False
        self._pieces = self._read()

    def __iter__(self) -> Iterator[memoryview]:
        return self

    def __next__(self) -> memoryview:
        return next(self._pieces)

    def abort(self) -> None:
        """Wake a read that another thread is blocked in; it fails."""
        self._aborted = True
        with contextlib.suppress(Exception):
            self._response.shutdown()

    def close(self) -> None:
        """Give up what is left of the answer, and its connection with it."""
        self._pieces.close()
        self._response.close()

    def _read(self) -> Generator[memoryview]:
        finished = False
        try:
            with told():
                for piece in self._raw():
                    yield piece
                    if self._aborted:
                        raise ConnectionError("stopped")
                if self._left and self._announced:
                    raise ConnectionError(f"the connection ended {self._left} bytes too early")
            finished = self._whole
        finally:
            if finished:
                self._response.release_conn()
            self._response.close()  # of one that was released, only what is left here

    def _raw(self) -> Iterator[memoryview]:
        reader: Any = getattr(self._response, "_fp", None)
        raw = getattr(reader, "fp", None)
        if self._left is None or raw is None or getattr(reader, "chunked", True) or reader.length is None:
            yield from self._portable()
            return
        view = memoryview(bytearray(min(BUFFER, max(1, self._left))))
        while self._left:
            count = raw.readinto1(view[: min(self._left, len(view))])
            if not count:
                return
            self._left -= count
            reader.length -= count
            if not reader.length:
                # Who got the last byte asks for no more: the connection is free for the next request now.
                reader.read()  # nothing; but http.client now knows that the answer is over
                self._response.release_conn()
            yield view[:count]

    def _portable(self) -> Iterator[memoryview]:
        """The same through urllib3, for a chunked body or one of unknown length."""
        for piece in self._response.stream(BUFFER, decode_content=False):
            view = memoryview(piece) if self._left is None else memoryview(piece)[: self._left]
            if self._left is not None:
                self._left -= len(view)
            if view:
                yield view
            if self._left == 0:
                self._whole = False
                return


def _announced(response: BaseHTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    return int(text) if text.isascii() and text.isdigit() and not chunked else None
