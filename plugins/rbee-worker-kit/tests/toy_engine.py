"""An engine that only says what it was asked, on the standard library: run as a worker's child process."""

from __future__ import annotations

import json
import os
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

from rbee_worker_kit.child import Serving, run


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass

    def address_string(self) -> str:
        return "front"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        while asked.get("hold") and os.path.exists(asked["hold"]):  # noqa: PTH110
            time.sleep(0.01)
        status = asked.get("fail", 200)
        body = asked.get("with", {"path": self.path, "key": self.headers["authorization"], "asked": asked})
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def load(config: dict[str, Any]) -> Serving:
    """Listen, as the configuration says; the model's file says what it can do."""
    with open(config["model"]) as file:  # noqa: PTH123
        tasks = file.read().split()
    if not tasks:
        raise ValueError("the file is empty")
    server = _Server(config["listen"], _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return Serving(f"unix://{config['listen']}", server, tasks)


if __name__ == "__main__":
    run(load)
