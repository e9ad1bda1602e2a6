"""Start a server program on a port of its own, wait until it listens, and end it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rbee_core.testing.orphans import bound

#: Seconds until a server must listen.
_PATIENCE = 60


class Program:
    """A server program on 127.0.0.1; use as a context manager. Subclasses say how it is run, and where it logs."""

    url = ""
    _process: subprocess.Popen[bytes] | None = None

    def command(self, port: int) -> Sequence[str]:
        """What runs it, on this port."""
        raise NotImplementedError

    @property
    def log(self) -> Path:
        """Takes what it says."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._process, port = start(self.command, self.log)
        self.url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            end(self._process)


def start(command: Callable[[int], Sequence[str]], log: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Run ``command(port)`` until it listens on that port of 127.0.0.1.

    :param log: takes what it says.
    :raises RuntimeError: it ended, or does not listen after a minute; with what it said.
    """
    port = _free_port()
    with log.open("wb") as writer:
        process = subprocess.Popen(bound(command(port)), stdin=subprocess.DEVNULL, stdout=writer, stderr=writer)
    deadline = time.monotonic() + _PATIENCE
    while not _listens(port):
        if process.poll() is not None or time.monotonic() > deadline:
            end(process)
            raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')}")
        time.sleep(0.05)
    return process, port


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop it, at once."""
    process.kill()
    process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
