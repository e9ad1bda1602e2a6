"""Child processes for plugin code that may hang or crash: a time limit each, several at once, none left behind.

A child writes JSON lines to its standard output: ``{"stage": …}`` as it goes, last ``{"answer": …}``. The clock runs
from its first line, so that a slow start of Python on a busy machine is not held against the plugin.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from ..process_groups import kill_group, new_group

#: Seconds that starting Python may take before the child's own limit begins to count.
STARTUP = 60.0
#: What is kept of a child's standard error, in lines, and the longest answer read, in bytes.
_ERROR_LINES, _LONGEST_ANSWER = 200, 8 * 2**20

#: The child works on the parent's import path, whatever put it together.
_BOOT = (
    "import sys; sys.path[:] = sys.argv.pop(1).split('\\n'); "
    "from importlib import import_module; import_module(sys.argv.pop(1)).main()"
)


@dataclass(slots=True)
class Outcome:
    """How a child ended.

    ``answer`` is its result if it gave one; ``stage`` where it was last; ``status`` its exit status, negative for a
    signal, ``None`` when it was ended for taking too long; ``errors`` the end of what it wrote to standard error.
    """

    answer: dict[str, Any] | None
    stage: str
    status: int | None
    errors: str

    def trouble(self, limit: float) -> str:
        """One line on why there is no answer."""
        if self.status is None:
            return f"took longer than {limit:g} s"
        if self.status < 0:
            with suppress(ValueError):
                return f"crashed its process ({signal.Signals(-self.status).name})"
            return f"crashed its process (signal {-self.status})"
        return f"ended its process (exit status {self.status})"


@dataclass(slots=True)
class Child:
    """One child process to run: a module of rbee with a ``main()``, its arguments, its environment, its time limit."""

    module: str
    arguments: Sequence[str]
    env: Mapping[str, str]
    limit: float
    _process: subprocess.Popen[bytes] | None = None
    _unwanted: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _first_line: threading.Event = field(default_factory=threading.Event)
    _lines: list[dict[str, Any]] = field(default_factory=list)
    _errors: deque[str] = field(default_factory=lambda: deque(maxlen=_ERROR_LINES))

    def run(self) -> Outcome:
        """Run it to its end, or to its limit."""
        path = "\n".join(os.path.abspath(entry) for entry in sys.path)  # noqa: PTH100
        command = [sys.executable, "-P", "-c", _BOOT, path, self.module, *self.arguments]
        with self._lock:
            if self._unwanted:
                return Outcome(None, "", None, "")
            process = self._process = subprocess.Popen(
                command,
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                **new_group(),
            )
        assert process.stdout is not None and process.stderr is not None
        readers = [
            threading.Thread(target=self._read_lines, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(process.stderr,), daemon=True),
        ]
        for reader in readers:
            reader.start()
        status = self._wait(process)
        for reader in readers:
            reader.join(1.0)
        if any(reader.is_alive() for reader in readers):
            kill_group(process.pid)  # a grandchild holds the pipes open
            for reader in readers:
                reader.join(1.0)
        answer = next((line["answer"] for line in reversed(self._lines) if isinstance(line.get("answer"), dict)), None)
        stage = next((str(line["stage"]) for line in reversed(self._lines) if "stage" in line), "load")
        return Outcome(answer if status is not None else None, stage, status, "".join(self._errors))

    def kill(self) -> None:
        """End it and all it started, now; or keep it from starting."""
        with self._lock:
            self._unwanted = True
            if self._process is not None and self._process.poll() is None:
                kill_group(self._process.pid)

    def _wait(self, process: subprocess.Popen[bytes]) -> int | None:
        """Its exit status, or ``None`` when it had to be ended."""
        begun = time.monotonic()
        while not self._first_line.wait(0.05):
            if process.poll() is not None or time.monotonic() - begun > STARTUP:
                break
        try:
            return process.wait(self.limit)
        except subprocess.TimeoutExpired:
            kill_group(process.pid)
            process.wait()
            return None

    def _read_lines(self, pipe: IO[bytes]) -> None:
        with pipe:
            while line := pipe.readline(_LONGEST_ANSWER):
                with suppress(ValueError):
                    if isinstance(data := json.loads(line), dict):
                        self._lines.append(data)
                self._first_line.set()

    def _read_errors(self, pipe: IO[bytes]) -> None:
        with pipe:
            while line := pipe.readline(4096):
                self._errors.append(line.decode("utf-8", "replace"))


def run_all(children: Sequence[Child], parallel: int) -> list[Outcome]:
    """Run children, ``parallel`` at a time; interrupted, it ends them all."""
    if not children:
        return []
    with ThreadPoolExecutor(max_workers=max(1, parallel)) as pool:
        futures = [pool.submit(child.run) for child in children]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for child in children:
                child.kill()
            raise
