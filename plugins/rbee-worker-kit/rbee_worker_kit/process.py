"""The engine as the front sees it: a child process that loads the model and answers on a private address."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .program import Program
from .settings import QUEUE, Settings

#: What fits into ``sockaddr_un`` everywhere (104 bytes on macOS, 108 on Linux), with room for the end mark.
_MAX_SOCKET_PATH = 100
#: How the folder of the engine's socket is called; the front's process id follows.
_FOLDER = "rbee-worker-"


class EngineError(Exception):
    """The engine could not be started, or ended by itself; the message says how."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine listens: a Unix socket's path, or a TCP port of the loopback interface."""

    path: str | None
    port: int


class Engine:
    """An engine in a process of its own (``child.py``).

    Its address is private twice over: a Unix socket in a folder only we may enter (where there are such sockets), and a
    random key, so that nobody reaches the engine past the front's own API key.
    """

    def __init__(self, program: Program, settings: Settings) -> None:
        self._program = program
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        _remove_leftovers()
        self._folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-"))
        self.key = secrets.token_urlsafe(24)
        self.address = Address(None, 0)
        self.tasks = frozenset[str]()

    async def spawn(self) -> None:
        """Start the process; it begins to load the model."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            self._program.child,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "RBEE_FRONT_PID": str(os.getpid())},
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(self._config()).encode() + b"\n")
        with contextlib.suppress(ConnectionError):
            await self._process.stdin.drain()

    async def loaded(self) -> None:
        """Wait until the model is loaded.

        :raises EngineError: it cannot be loaded, or the process ended.
        """
        assert self._process is not None and self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise EngineError(f"The engine {await self._how_it_ended()} while loading {self._settings.model}")
        answer = json.loads(line)
        if "error" in answer:
            raise EngineError(f"The engine cannot load {self._settings.model}: {answer['error']}")
        self.address = _parse_address(answer["address"])
        self.tasks = frozenset(answer["tasks"])

    def _config(self) -> dict[str, object]:
        settings = self._settings
        return {
            "model": str(settings.model),
            "model_id": settings.model_id,
            "context": settings.context,
            "parallel": settings.parallel,
            "connections": settings.parallel + QUEUE + 2,
            "key": self.key,
            "listen": self._listen_on(),
            **self._program.configure(settings),
        }

    def _listen_on(self) -> str:
        path = str(self._folder / "engine.sock")
        fits = sys.platform != "win32" and len(path.encode()) < _MAX_SOCKET_PATH
        return path if fits else "127.0.0.1"

    async def ended(self) -> str:
        """Wait until the process ends, and say how: ``crashed (SIGSEGV)``."""
        return await self._how_it_ended()

    async def _how_it_ended(self) -> str:
        assert self._process is not None
        status = await self._process.wait()
        if status >= 0:
            return f"ended with status {status}"
        name = signal.Signals(-status).name
        reason = ": out of memory?" if name == "SIGKILL" else ""
        return f"crashed ({name}{reason})"

    async def stop(self) -> None:
        """End the process now; it holds nothing that could be lost."""
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _remove_leftovers() -> None:
    """Remove the folders of workers that were killed and could not do so themselves."""
    if sys.platform == "win32":
        return  # no sockets there, and asking for a process by signal would end it
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*-*"):
        pid = folder.name.removeprefix(_FOLDER).partition("-")[0]
        with contextlib.suppress(OSError, ValueError):
            if folder.lstat().st_uid == os.getuid() and not _is_alive(int(pid)):
                shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _parse_address(text: str) -> Address:
    if text.startswith("unix://"):
        return Address(text.removeprefix("unix://"), 0)
    return Address(None, int(text.rsplit(":", 1)[1]))
