"""How one request passes through the proxy."""

from __future__ import annotations

import http.client
import re
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, ClassVar

from .faults import CHANGED, CORRUPT, Fault

if TYPE_CHECKING:
    from .proxy import FaultProxy, Passed

_PIECE = 1 << 16
_TOTAL = re.compile(r"bytes \d+-\d+/(\d+)")
#: Between two neighbours only (RFC 9110, 7.6.1).
_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"})
_VERSION = frozenset({"etag", "last-modified"})


class ProxyHandler(BaseHTTPRequestHandler):
    """Passes one request on, with the fault that is due."""

    proxy: ClassVar[FaultProxy]
    elsewhere = False
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer; the other methods go the same way."""
        from .proxy import Passed

        headers = {name.lower(): value for name, value in self.headers.items()}
        passed = Passed(self.command, self.path, headers, self.elsewhere)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self._pass(passed, body)
        except (ConnectionError, TimeoutError, http.client.HTTPException):
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PROPFIND = do_GET  # noqa: N815 — the names that http.server calls

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the base class calls it so
        """Say nothing."""

    def fault_for(self, passed: Passed) -> Fault | None:
        """What goes wrong with this answer."""
        return self.proxy.take() if passed.big and self.command == "GET" else None

    def forwarded(self, passed: Passed) -> dict[str, str]:
        """The headers that are passed on."""
        return {name: value for name, value in passed.headers.items() if name not in _HOP}

    # --- inside -----------------------------------------------------------------------------------------------------

    def _pass(self, passed: Passed, body: bytes) -> None:
        headers = self.forwarded(passed)
        line, answer = self._ask(headers, body)
        try:
            passed.size = _size(answer)
            passed.big = answer.status < 300 and passed.size >= self.proxy.big
            self.proxy.requests.append(passed)
            fault = self.fault_for(passed)
            if fault is not None and fault.ignore_range and "range" in headers:
                line.close()
                line, answer = self._ask({k: v for k, v in headers.items() if k not in ("range", "if-range")}, body)
            if fault is not None and (fault.status is not None or fault.redirect):
                self._instead(passed, fault)
            else:
                self._answer(passed, answer, fault or Fault(""))
        finally:
            line.close()

    def _ask(self, headers: dict[str, str], body: bytes) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        line = http.client.HTTPConnection(*self.proxy.address, timeout=60)
        line.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            line.putheader(name, value)
        line.endheaders(body or None)
        return line, line.getresponse()

    def _instead(self, passed: Passed, fault: Fault) -> None:
        """Answer with something else."""
        headers = dict(fault.headers)
        if fault.redirect:
            self.proxy.granted = passed.headers
            base = self.proxy.elsewhere if fault.redirect == "elsewhere" else self.proxy.url
            headers["Location"] = base + self.path
        passed.status = fault.status or 307
        self.send_response(passed.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, passed: Passed, answer: http.client.HTTPResponse, fault: Fault) -> None:
        passed.status = answer.status
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            self._header(name, value, fault)
        chunked = answer.headers.get("Content-Length") is None and self.command != "HEAD" and answer.status != 204
        if chunked:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self._body(passed, answer, fault)
        if chunked:
            self.close_connection = True

    def _header(self, name: str, value: str, fault: Fault) -> None:
        lower = name.lower()
        if lower in _HOP:
            return
        if lower == "content-length":
            value = str(int(value) + fault.length)
        if lower == "location":
            value = value.replace(self.proxy.upstream, self.proxy.elsewhere if self.elsewhere else self.proxy.url)
        if fault.changed and lower in _VERSION:
            value = '"another"' if lower == "etag" else "Thu, 01 Jan 2026 00:00:00 GMT"
        self.send_header(name, value)

    def _body(self, passed: Passed, answer: http.client.HTTPResponse, fault: Fault) -> None:
        table = CHANGED if fault.changed else CORRUPT if fault.corrupt else None
        left = min((n for n in (fault.cut_after, fault.stall_after) if n is not None), default=None)
        while piece := answer.read(_PIECE if left is None else min(_PIECE, left)):
            passed.sent += len(piece)  # before: whoever has the bytes may look at once
            self.wfile.write(piece.translate(table) if table else piece)
            if left is not None:
                left -= len(piece)
            if fault.rate:
                self.wfile.flush()
                time.sleep(len(piece) / fault.rate)
        if left == 0:
            self.wfile.flush()
            self.close_connection = True
            if fault.stall_after is not None:
                self.proxy.closing.wait(60)
        if fault.length:
            self.close_connection = True


class ElsewhereHandler(ProxyHandler):
    """The other server: nothing goes wrong here, and nobody's credentials are needed, nor wanted."""

    elsewhere = True

    def fault_for(self, passed: Passed) -> Fault | None:
        """None."""
        return None

    def forwarded(self, passed: Passed) -> dict[str, str]:
        """The request with the rights of the one that was sent here."""
        mine = super().forwarded(passed)
        theirs = {name: value for name, value in self.proxy.granted.items() if name not in _HOP | {"range"}}
        return {**mine, **theirs}


def _size(answer: http.client.HTTPResponse) -> int:
    """The size of the file that an answer is of, as far as it says."""
    total = _TOTAL.match(answer.headers.get("Content-Range") or "")
    length = answer.headers.get("Content-Length") or "0"
    return int(total[1]) if total else int(length) if length.isdigit() else 0
