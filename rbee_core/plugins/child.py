"""The inside of a child process: a private way to the parent, a last resort against hanging, what to remember."""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from typing import Any, TextIO

from .failures import Failure
from .records import PluginRecord

#: Seconds after its parent's limit at which a child that outlived its parent is ended by the system.
_GRACE = 60


class Report:
    """The child's line to its parent: the standard output it was started with, which plugin code never gets to see.

    :param stages: tell each stage as it begins, besides the answer.
    """

    def __init__(self, *, stages: bool = True) -> None:
        sys.stdout.flush()
        self._pipe: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._stages = stages

    def stage(self, name: str) -> None:
        """Tell where the work is now."""
        if self._stages:
            self._send({"stage": name})

    def answer(self, data: dict[str, Any]) -> None:
        """Tell the result, the last thing that is said."""
        self._send({"answer": data} if self._stages else data)

    def _send(self, data: dict[str, Any]) -> None:
        self._pipe.write(json.dumps(data) + "\n")
        self._pipe.flush()


class Noted:
    """Stands in for the memory of failures, which is the parent's to write."""

    def __init__(self) -> None:
        self.failure: Failure | None = None

    def failed(self, record: PluginRecord, failure: Failure) -> None:
        """Note the failure of this process's one plugin."""
        self.failure = failure

    def passed(self, record: PluginRecord, where: str) -> None:
        """Nothing: the parent sees that there was no failure."""


def failure_data(failure: Failure, error: BaseException) -> dict[str, Any]:
    """A failure as the parent reads it, with the plugin's traceback."""
    lines = traceback.format_exception(error.__cause__ or error)
    data = {"where": failure.where, "reason": failure.reason, "status": failure.status}
    return {"failure": data, "traceback": "".join(lines)[-20_000:]}


def end_by_itself(limit: float) -> None:
    """Should the parent be killed: die of an alarm that the system delivers, even inside C code that never returns."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, limit + _GRACE)


def leave() -> None:
    """End without waiting for threads, exit handlers or forks that plugin code may have left."""
    sys.stderr.flush()
    os._exit(0)
