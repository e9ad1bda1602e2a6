"""The parent's side: start the process, ask, and end it when it takes too long."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ...process_groups import kill_group
from ..cli import clean_env
from ..orphans import bound

Answer = dict[str, Any]
#: Seconds that a question may take in which nothing is meant to wait.
LIMIT = 60.0


class PluginProcess:
    """One plugin in a process; a context manager.

    :param kind: ``vendor`` or ``backend``.
    :param dist: the distribution that declares it.
    :param name: its entry point's name.
    :param folder: the process's home and current folder; made.
    :param env: more environment.
    """

    def __init__(self, kind: str, dist: str, name: str, folder: Path, env: Mapping[str, str]) -> None:
        self.title = f"{dist} ({name})"
        self.folder = folder
        (folder / "cwd").mkdir(parents=True, exist_ok=True)
        self._argv = [sys.executable, "-m", f"{__package__}.guest", kind, name, dist, str(folder / "stdout")]
        # Installed beside this Python's packages, or where this process finds modules besides.
        path = {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
        self._env = clean_env({"HOME": str(folder), "RBEE_HOME": str(folder / "rbee"), **path, **env})
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._process: subprocess.Popen[str] | None = None
        self._loaded: Answer = {}

    def __enter__(self) -> PluginProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def load(self) -> Answer:
        """What loading the plugin came to; the process is started if none is running."""
        if self._process is None or self._process.poll() is not None:
            self.kill()
            self._start()
            self._loaded = self._answer("load", LIMIT)
        return self._loaded

    def ask(self, what: str, /, *, limit: float = LIMIT, **question: Any) -> Answer:
        """Ask one thing (see `guest`) and wait for the answer, at most ``limit`` seconds.

        :raises AssertionError: the plugin cannot be loaded, hangs, or ends the process.
        """
        self.start(what, **question)
        return self._answer(what, limit)

    def start(self, what: str, /, **question: Any) -> None:
        """Ask, and leave the answer to `finish`."""
        loaded = self.load()
        if "failure" in loaded:
            raise AssertionError(f"{self.title} cannot be loaded: {loaded['failure']}\n{loaded.get('traceback', '')}")
        self._send({"do": what, **question})

    def finish(self, what: str, limit: float = LIMIT) -> Answer:
        """The answer to what was started."""
        return self._answer(what, limit)

    def cancel(self) -> None:
        """Cancel the job of what was started."""
        self._send({"do": "cancel"})

    def until(self, reached: Callable[[], bool], limit: float = LIMIT) -> bool:
        """Wait for something outside of the process; whether it came before an answer did."""
        deadline = threading.Event()
        timer = threading.Timer(limit, deadline.set)
        timer.start()
        try:
            while not reached():
                if deadline.wait(0.01):
                    raise AssertionError(f"{self.title}: what was waited for did not come in {limit:g} s")
                if not self._lines.empty():
                    return False
        finally:
            timer.cancel()
        return True

    def kill(self) -> None:
        """End the process, with what it started; the next question starts another."""
        if self._process is None:
            return
        if self._process.poll() is None:
            kill_group(self._process.pid)
        self._process.communicate()
        self._process = None

    # --- inside -----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        with (self.folder / "stderr").open("w") as errors:
            self._process = subprocess.Popen(
                bound(self._argv),
                env=self._env,
                cwd=self.folder / "cwd",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self._lines = queue.SimpleQueue()
        threading.Thread(target=_pass_on, args=(self._process, self._lines), daemon=True).start()

    def _send(self, question: Answer) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()

    def _answer(self, what: str, limit: float) -> Answer:
        try:
            line = self._lines.get(timeout=limit)
        except queue.Empty:
            self.kill()
            raise AssertionError(f"{self.title}: {what} did not end within {limit:g} s; it was killed") from None
        if not line:
            self.kill()
            errors = (self.folder / "stderr").read_text(errors="replace")[-2000:]
            raise AssertionError(f"{self.title}: {what} ended the whole process\n{errors}")
        answer: Answer = json.loads(line)
        return answer


def _pass_on(process: subprocess.Popen[str], lines: queue.SimpleQueue[str]) -> None:
    """Line after line, and an empty one for the end."""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.put(line)
    except ValueError:  # closed by `kill`
        pass
    lines.put("")
