"""Workers made for these tests: small ones that behave, and misbehave, as told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil  # noqa: TID253
import pytest

from rbee_core.testing.cli import RbeeHome

TOY_TOML = """
schema = 1

[worker]
id = "toy-worker"
name = "Toy"
description = "Echoes the prompt"
license = "MIT"
version = "1.2.3"

[build]
system = "pip"
features = ["cpu"]
default_feature = "cpu"

[build.pip]
include_self = true
requirements = [{requirements}]

[run]
entry = ["{{python}}", "-m", "toy_worker", "--model", "{{model}}", "--port", "{{port}}"]
check = ["{{python}}", "-c", "import toy_worker"]
health = {{ path = "/healthz", start_timeout_s = {timeout} }}
grace_s = {grace}

[capabilities]
supported_formats = ["gguf"]
"""

#: A server on the standard library; TOY in the environment says how it misbehaves.
TOY_SERVER = """
import json, os, signal, subprocess, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOY = os.environ.get("TOY", "")
port = int(sys.argv[sys.argv.index("--port") + 1])
print("toy worker says hello", flush=True)
if TOY == "crash":
    sys.exit("toy worker cannot go on")
if TOY == "segfault":
    os.kill(os.getpid(), signal.SIGSEGV)
if TOY == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print("child", child.pid, flush=True)


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        self.send_response(503 if TOY == "never" else 200)
        self.end_headers()

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()
        answer = {"choices": [{"text": "echo: " + body["prompt"]}]}
        for event in (answer, {"choices": [], "usage": {"completion_tokens": 2}}):
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\\n\\n")
        if TOY != "cut":
            self.wfile.write(b"data: [DONE]\\n\\n")


ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@dataclass
class Toys:
    """Makes toy workers in a folder."""

    folder: Path

    def make(self, *, requirements: str = "", timeout: float = 60, grace: float = 10) -> Path:
        """The folder of a toy worker, to be named with ``--path``."""
        package = self.folder / "toy_worker"
        package.mkdir(parents=True, exist_ok=True)
        toml = TOY_TOML.format(requirements=requirements, timeout=timeout, grace=grace)
        (package / "worker.toml").write_text(toml)
        (package / "__init__.py").write_text("")
        (package / "__main__.py").write_text(TOY_SERVER)
        return package


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    """Where a test makes its toy workers."""
    return Toys(tmp_path / "toys")


@pytest.fixture
def toy_home(rbee: RbeeHome, tmp_path: Path) -> Iterator[RbeeHome]:
    """A home whose one model is a file that only the toy worker would take for one."""
    model = tmp_path / "toy.gguf"
    model.write_bytes(b"GGUF not really")
    rbee.env["TOY_MODEL"] = str(model)
    entry = {
        "id": "toy", "name": "Toy", "source": f"file:{model}", "path": str(model), "format": "gguf", "size": 15,
        "status": "Available", "architecture": "llama", "lifecycle": "Active", "backends": [],
    }  # fmt: skip
    rbee.models.mkdir()
    (rbee.models / "catalog.json").write_text(json.dumps({"version": "2.0", "pool_id": "p", "models": [entry]}))
    yield rbee
    rbee("stop", "--all")


def group_of(pid: int) -> list[psutil.Process]:
    """The processes of a group that still live."""
    alive = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == pid and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
        except (ProcessLookupError, psutil.Error):
            continue
    return alive
