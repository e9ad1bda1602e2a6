"""A threaded HTTP server for tests, which says nothing when a client hangs up."""

from __future__ import annotations

from http.server import ThreadingHTTPServer
from typing import Any


class QuietServer(ThreadingHTTPServer):
    """Leaves its threads behind when it closes; they may be stalling on purpose."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is killed resets its connections; that is no news."""
