"""An HTTP server on 127.0.0.1 in this process, for tests: what is the same for all of them."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, Self

from ..quiet_server import QuietServer


class LoopbackServer:
    """Answers in threads of its own; use as a context manager.

    :param handler: its answers; an instance finds the server as ``self.owner``.
    """

    def __init__(self, handler: type[QuietHandler]) -> None:
        self._server = QuietServer(("127.0.0.1", 0), type("Handler", (handler,), {"owner": self}))

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def host(self) -> str:
        """Its address and port."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://{self.host}"


class QuietHandler(BaseHTTPRequestHandler):
    """A handler that keeps connections open and prints nothing."""

    owner: Any
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the base class calls it so
        """Say nothing."""
