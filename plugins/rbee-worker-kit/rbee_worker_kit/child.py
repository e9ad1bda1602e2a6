"""The engine's process, seen from inside.

A process of its own because loading a model can hold Python's interpreter lock for as long as it takes, and because a
broken model file can abort an engine: the front stays there to tell what happened.

Started with one line of JSON on stdin (`Engine` of ``process.py`` writes it); answers with one line on stdout once the
model is loaded. End of file on stdin means that the front is gone, and ends it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Serving:
    """A loaded model that answers.

    :param address: ``unix://PATH``, or ``http://127.0.0.1:PORT``.
    :param engine: what must not be collected while it serves.
    :param tasks: of those that the program's endpoints name (``completion``, ``embedding``), the ones the model can do.
    """

    address: str
    engine: object
    tasks: Collection[str] = ("completion",)


def run(load: Callable[[dict[str, Any]], Serving]) -> None:
    """Load the model, say where the engine listens, and serve until stdin ends.

    :param load: gets the configuration: ``listen`` (a socket's path, or the loopback address to take a free port of),
        ``key`` (the bearer token that requests carry), ``connections`` (how many may come at once), ``model``,
        ``model_id``, ``context``, ``parallel``, and what the `Program` added. What it raises is why the model cannot be
        loaded.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints belongs into the log
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of a terminal: the front decides what it means
    config = json.loads(sys.stdin.readline())
    try:
        serving = load(config)
    except Exception as error:  # noqa: BLE001 — whatever the engine raises is its answer
        answers.write(json.dumps({"error": str(error) or type(error).__name__}) + "\n")
        answers.close()
        os._exit(1)
    answers.write(json.dumps({"address": serving.address, "tasks": sorted(serving.tasks)}) + "\n")
    answers.close()
    threading.Thread(target=_exit_at_end_of_input, daemon=True).start()
    threading.Event().wait()


def _die_with_parent() -> None:
    """On Linux the kernel ends us with our parent, even while a model is loading and no Python code can run."""
    if sys.platform != "linux":
        return
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.environ.get("RBEE_FRONT_PID") not in (None, str(os.getppid())):
        os._exit(1)  # it died before we asked


def _exit_at_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)
