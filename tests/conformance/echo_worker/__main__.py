"""Two processes: the front, which is all there is to it, and an engine that only lives and dies with it."""

import argparse
import ipaddress
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

END = "end\n"
LISTED = "/v1/models/"
METHODS = {"/health": "GET", "/info": "GET", "/v1/models": "GET", "/v1/echo": "POST"}
ENGINE = """
import os, sys, time
parent = int(sys.argv[1])
while os.getppid() == parent:
    time.sleep(0.02)
"""
REFUSALS: list[int] = []
STATE = SimpleNamespace(
    ready=False, stopping=False, requests=0, last=time.monotonic(), lock=threading.Lock(), engine=None
)


def say(message):
    sys.stdout.write(f"{message}\n")
    sys.stdout.flush()


def end(status):
    if STATE.engine is not None:
        STATE.engine.kill()
    os._exit(status)


def fail(message):
    say(message)
    end(1)


def parse():
    parser = argparse.ArgumentParser()
    for name in ("model", "model-id", "worker-id", "device", "host", "api-key-file", "ready-file"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--port", type=int)
    parser.add_argument("--watch-fd", type=int)
    parser.add_argument("--idle-timeout", type=float)
    given = parser.parse_args()
    if not Path(given.model).is_file():
        parser.error(f"{given.model} is no file")
    if not 0 <= given.port < 65536:
        parser.error(f"{given.port} is no port")
    if given.api_key_file and not Path(given.api_key_file).is_file():
        parser.error(f"{given.api_key_file} is no file")
    if given.host != "127.0.0.1" and not given.api_key_file:
        parser.error("give an API key")
    return given


GIVEN = parse()
KEY = Path(GIVEN.api_key_file).read_text().strip() if GIVEN.api_key_file else ""
MODEL = {"id": GIVEN.model_id, "object": "model"}


class Refused(Exception):  # noqa: N818
    def __init__(self, status, message, code=None, param=None):
        self.status = status
        self.error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        try:
            try:
                self._answer(self.path)
            except Refused as refused:
                self.close_connection = True
                self._json(refused.status, {"error": refused.error})
        except OSError:  # the client has gone
            self.close_connection = True

    do_POST = do_GET  # noqa: N815

    def _answer(self, path):
        names = (f"//{self.headers.get('Host', 'localhost')}", self.headers.get("Origin", "//localhost"))
        if not all(map(_is_local, names)):
            raise Refused(403, "no", code="foreign_origin")
        method = "GET" if path.startswith(LISTED) else METHODS.get(path)
        if method is None:
            raise Refused(404, path)
        if self.command != method:
            raise Refused(405, path)
        if path == "/health":
            up = STATE.ready and not STATE.stopping
            return self._json(200 if up else 503, {"status": "ok"} if up else {"status": "starting"})
        given = self.headers.get("Authorization", "")
        if KEY and given != f"Bearer {KEY}":
            raise Refused(401, "no", code="invalid_api_key")
        if path == "/v1/echo":
            return self._echo()
        if path == "/info":
            return self._json(200, info(self.server.server_port))
        if path == "/v1/models":
            return self._json(200, {"object": "list", "data": [MODEL]})
        if path.removeprefix(LISTED) != GIVEN.model_id:
            raise Refused(404, path, code="model_not_found")
        return self._json(200, MODEL)

    def _echo(self):
        length = int(self.headers["Content-Length"])
        if length > 1 << 20:
            raise Refused(413, "too large")
        try:
            asked = json.loads(self.rfile.read(length))
        except (ValueError, RecursionError):
            raise Refused(400, "no JSON") from None
        if not isinstance(asked, dict):
            raise Refused(400, "no object")
        if not STATE.ready:
            raise Refused(503, "wait", code="loading")
        if not isinstance(asked.get("input"), str):
            raise Refused(400, "no text", param="input")
        with counted():
            if STATE.requests > 100:
                raise Refused(503, "busy")
            self._json(200, {"text": asked["input"].upper() * asked.get("times", 1)})

    def _json(self, status, body):
        self._send(status, json.dumps(body).encode())

    def _page(self, text):
        self._send(404, text.encode())

    def _send(self, status, raw):
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def info(port):
    status = "stopping" if STATE.stopping else "busy" if STATE.requests else "ready" if STATE.ready else "starting"
    about = {"id": GIVEN.worker_id, "model_id": GIVEN.model_id, "device": GIVEN.device, "port": port}
    return {**about, "status": status, "implementation": "echo", "version": "1.0"}


@contextmanager
def counted():
    with STATE.lock:
        STATE.requests += 1
    try:
        time.sleep(0.02)
        yield
    finally:
        with STATE.lock:
            STATE.requests -= 1
            STATE.last = time.monotonic()


def _is_local(url):
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def watch():
    while os.read(GIVEN.watch_fd, 100):
        pass
    end(0)


def guard():
    status = STATE.engine.wait()
    say(f"the engine ended: {signal.Signals(-status).name if status < 0 else status}")
    os._exit(1)  # and it is the engine that has crashed


def main():
    stop = threading.Event()

    def told(*_):
        stop.set()

    signal.signal(signal.SIGTERM, told)
    try:
        server = ThreadingHTTPServer((GIVEN.host, GIVEN.port), Handler)
    except OSError as error:
        fail(f"Cannot listen on {GIVEN.host}:{GIVEN.port}: {error.strerror}")
    port = server.server_port
    STATE.engine = subprocess.Popen([sys.executable, "-c", ENGINE, str(os.getpid())])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if GIVEN.ready_file:
        part = Path(f"{GIVEN.ready_file}.part")
        part.write_text(json.dumps({"pid": os.getpid(), "host": GIVEN.host, "port": port}))
        part.rename(GIVEN.ready_file)
    if GIVEN.watch_fd is not None:
        threading.Thread(target=watch, daemon=True).start()
    text = Path(GIVEN.model).read_text()
    if not text.endswith(END):
        fail(f"{GIVEN.model} is no model: it has no end")
    threading.Thread(target=guard, daemon=True).start()
    time.sleep(0.2)
    STATE.ready = True
    STATE.last = time.monotonic()
    while not stop.wait(0.02):
        idle = not STATE.requests and time.monotonic() - STATE.last > (GIVEN.idle_timeout or 0)
        if GIVEN.idle_timeout and idle:
            break
    STATE.stopping = True
    while STATE.requests:
        time.sleep(0.01)
    end(0)


main()
