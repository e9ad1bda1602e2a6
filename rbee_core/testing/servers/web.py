"""A web server whose every answer a test decides: names, digests, log-ins, redirects, missing features."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .loopback import LoopbackServer, QuietHandler

_PIECE = 1 << 16
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(slots=True)
class Page:
    """What one path answers.

    :param headers: more headers, or others than the usual (``None`` leaves one out).
    :param status: of the answer, instead of 200 or 206.
    :param ranges: whether ``Range`` is understood.
    :param head: whether ``HEAD`` is; the status of its refusal otherwise.
    :param chunked: send no length.
    :param authorization: the only ``Authorization`` header that opens it.
    """

    data: bytes = b""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    status: int | None = None
    ranges: bool = True
    head: bool | int = True
    chunked: bool = False
    authorization: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


class WebServer(LoopbackServer):
    """A web server on 127.0.0.1; use as a context manager. ``pages`` maps paths (as sent, without query) to answers."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.requests: list[Asked] = []
        super().__init__(_Handler)

    def page(self, path: str, data: bytes = b"", **options: Any) -> str:
        """Answer a path, see `Page`; returns its URL."""
        self.pages[path] = Page(data, **options)
        return self.url + path

    def redirect(self, path: str, target: str, status: int = 302) -> str:
        """Send whoever asks for ``path`` to ``target``; returns the URL."""
        return self.page(path, status=status, headers={"Location": target})

    def asked(self, path: str, method: str = "GET") -> list[Asked]:
        """The requests for a path so far."""
        return [request for request in list(self.requests) if (request.method, request.path) == (method, path)]


class _Handler(QuietHandler):
    owner: WebServer

    def do_GET(self) -> None:  # noqa: N802 — the name that http.server calls
        path = self.path.partition("?")[0]
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.owner.requests.append(Asked(self.command, self.path, headers))
        page = self.owner.pages.get(path)
        try:
            if page is None:
                self._send(404, b"no such page", {"Content-Type": "text/plain"}, chunked=False)
            elif page.authorization not in (None, headers.get("authorization")):
                self._send(401, b"", {"WWW-Authenticate": 'Basic realm="models"'}, chunked=False)
            elif self.command == "HEAD" and page.head is not True:
                self._send(page.head or 405, b"", {}, chunked=False)
            else:
                self._page(page, headers)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_GET  # noqa: N815 — the name that http.server calls

    def _page(self, page: Page, asked: dict[str, str]) -> None:
        status, body = page.status or 200, page.data
        answer: dict[str, str | None] = {"Content-Type": "application/octet-stream"}
        if page.ranges:
            answer["Accept-Ranges"] = "bytes"
        wanted = _RANGE.fullmatch(asked.get("range", ""))
        etag = page.headers.get("ETag")
        if wanted and page.ranges and page.status is None and asked.get("if-range") in (None, etag):
            start, end = int(wanted[1]), min(int(wanted[2] or len(body)) + 1, len(body))
            if start >= len(body):
                self._send(416, b"", {"Content-Range": f"bytes */{len(body)}"}, chunked=False)
                return
            answer["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
            status, body = 206, body[start:end]
        answer |= page.headers
        self._send(status, body, {k: v for k, v in answer.items() if v is not None}, chunked=page.chunked)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], *, chunked: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        for begin in range(0, len(body), _PIECE):
            piece = body[begin : begin + _PIECE]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
