"""A worker started by hand, without rbee around it."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .cli import clean_env
from .orphans import bound


def wait_until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something that will happen; fail if it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@dataclass(frozen=True)
class WorkerAnswer:
    """What a worker answered; ``headers`` by their lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, answer: http.client.HTTPResponse, body: bytes) -> WorkerAnswer:
        """From its head, and its body that was read."""
        return cls(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)

    def json(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)


@dataclass
class Worker:
    """A worker process, with a few words of HTTP."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        """Status and JSON body of a GET."""
        answer = self.ask("GET", path, headers=headers)
        return answer.status, answer.json()

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        """Status and JSON body of a POST; bytes are sent as they are."""
        answer = self.ask("POST", path, body)
        return answer.status, answer.json()

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> WorkerAnswer:
        """Any request, and the whole answer.

        :param body: sent as JSON; bytes are sent as they are, ``None`` is none.
        """
        with self.asking(method, path, body, headers) as answer:
            return WorkerAnswer.of(answer, answer.read())

    @contextmanager
    def asking(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        """The same, with the answer's body still to be read."""
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json"} if raw is not None else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, raw, {**given, **(headers or {})})
            yield connection.getresponse()
        finally:
            connection.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or 0

    def until_ready(self, seconds: float = 300) -> None:
        """Wait until it answers requests.

        :param seconds: at most. PyTorch alone takes seconds to import, and a busy machine ten times that.
        """

        def ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            try:
                return self.get("/health")[0] == 200
            except OSError:
                return False

        wait_until(ready, seconds)

    def command_lines(self) -> list[str]:
        """The arguments of the worker's processes."""
        import psutil

        front = psutil.Process(self.process.pid)
        return [part for process in [front, *front.children(recursive=True)] for part in process.cmdline()]


def started_worker(
    python: Path, folder: Path, *arguments: str, env: Mapping[str, str] | None = None, module: str = "rbee_worker_llm"
) -> AbstractContextManager[Worker]:
    """Start one of our own workers by hand; see `started`.

    :param python: the interpreter of its environment.
    :param folder: for its log and its ready file.
    :param module: the worker's package, as it lies in that environment.
    """
    return started([str(python), "-m", module, "--ready-file", str(folder / "ready.json"), *arguments], folder, env=env)


@contextmanager
def started(
    argv: Sequence[str], folder: Path, *, env: Mapping[str, str] | None = None, port: int = 0
) -> Iterator[Worker]:
    """Start a worker and wait until its port is bound, not until it is ready; it is killed at the end.

    :param folder: for its log; it writes ``ready.json`` there, unless its ``port`` is given.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ready, log = folder / "ready.json", folder / "worker.log"
    ready.unlink(missing_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            bound(argv),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=clean_env(env),
            start_new_session=True,
        )
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None or _listens(port))
        taken = json.loads(ready.read_text())["port"] if ready.exists() else port
        yield Worker(process, f"http://127.0.0.1:{taken}", log)
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


def _listens(port: int) -> bool:
    """Whether somebody takes connections there; nobody does on port 0."""
    if not port:
        return False
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
