"""For engines that are Python code and have no server of their own: a function that answers is all they need."""

from __future__ import annotations

import hmac
import json
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

from .child import Serving


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with: pieces that are sent as they come.

    They are closed (``close()`` of a generator) when the client has gone, which is how its work is cancelled.
    """

    content_type: str
    pieces: Iterable[bytes]


class RefusedError(Exception):
    """A request that cannot be answered; ``param`` names the field at fault."""

    def __init__(self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        kind = "invalid_request_error" if status < 500 else "server_error"
        self.status = status
        self.error = {"message": message, "type": kind, "param": param, "code": code}


#: Gets the path and the body, whose fields the front has checked; called in a thread of the request's own.
Answering = Callable[[str, dict[str, Any]], Answer]


def serve(config: dict[str, Any], answer: Answering, tasks: Collection[str]) -> Serving:
    """Answer where the front says; what ``load`` returns (see `child.run`).

    :param config: what ``load`` was given.
    :param answer: raises `RefusedError` for what it cannot answer.
    :param tasks: those of the program's endpoints that are answered.
    """
    listen = config["listen"]
    if sys.platform != "win32" and listen.startswith("/"):
        server: _Answers = _UnixServer(listen, _Handler)
        address = f"unix://{listen}"
    else:
        server = _Answers((listen, 0), _Handler)
        address = f"http://{listen}:{server.socket.getsockname()[1]}"
    server.answer, server.key = answer, config["key"]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return Serving(address, server, tasks)


class _Answers(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """A thread for each request."""

    daemon_threads = True
    request_queue_size = 512
    answer: Answering
    key: str


if sys.platform != "win32":

    class _UnixServer(_Answers):
        address_family = socket.AF_UNIX


class _Handler(BaseHTTPRequestHandler):
    server: _Answers
    protocol_version = "HTTP/1.1"  # chunks: what breaks off is known to

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            if not hmac.compare_digest(key.encode(), self.server.key.encode()):
                raise RefusedError("The key is wrong.", status=401)
            self._stream(self.server.answer(self.path, json.loads(body)))
        except RefusedError as refused:
            self._refuse(refused)
        except ConnectionError:
            self.close_connection = True  # the client has gone

    def _stream(self, answer: Answer) -> None:
        pieces = iter(answer.pieces)
        try:
            first = next(pieces, b"")  # what it refuses, it refuses here at the latest
            self.send_response(200)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._chunk(first)
            for piece in pieces:
                self._chunk(piece)
            self.wfile.write(b"0\r\n\r\n")
        finally:
            if (close := getattr(pieces, "close", None)) is not None:
                close()

    def _chunk(self, data: bytes) -> None:
        if data:  # an empty one would be the end
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _refuse(self, refused: RefusedError) -> None:
        raw = json.dumps({"error": refused.error}).encode()
        self.send_response(refused.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def address_string(self) -> str:
        return "front"  # a Unix socket has no addresses

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the base class's name
        """Not a line for each request."""
