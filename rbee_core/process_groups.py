"""Processes with all their children: how they are started, asked to end and killed on each operating system."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from typing import Any

WINDOWS = sys.platform == "win32"


def new_group() -> dict[str, Any]:
    """Arguments for ``subprocess.Popen`` that make the process the head of a group of its own.

    On POSIX a session of its own too, so that Ctrl-C in the terminal is rbee's to handle and not the child's.
    """
    if WINDOWS:
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined,unused-ignore]
    return {"start_new_session": True}


def ask_to_end(pid: int) -> None:
    """Ask a group's head to end: SIGTERM, on Windows Ctrl-Break. Nothing happens if it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError, OSError):
        os.kill(pid, signal.CTRL_BREAK_EVENT if WINDOWS else signal.SIGTERM)  # type: ignore[attr-defined,unused-ignore]


def kill_group(pid: int) -> None:
    """Kill a group's head and all that is left of its group, at once."""
    if WINDOWS:
        _kill_tree(pid)
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _kill_tree(pid: int) -> None:
    import psutil

    with contextlib.suppress(psutil.Error):
        head = psutil.Process(pid)
        for process in [*head.children(recursive=True), head]:
            with contextlib.suppress(psutil.Error):
                process.kill()


def end_group(process: subprocess.Popen[Any], grace: float) -> None:
    """End a child of ours and its group: ask, wait ``grace`` seconds, kill."""
    if process.poll() is None and grace > 0:
        ask_to_end(process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    # Also when the head has ended: what it started may not have.
    kill_group(process.pid)
    process.wait()


def ending(status: int) -> str:
    """How a process ended, in words: ``ended with status 1``, ``crashed (SIGSEGV)``."""
    if status >= 0:
        return f"ended with status {status}"
    name = signal.Signals(-status).name
    return f"crashed ({name}{': out of memory?' if name == 'SIGKILL' else ''})"


def started_at(pid: int) -> float | None:
    """When a process began, in seconds since the epoch: what tells it from a later one with the same id."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except psutil.Error:
        return None


def is_running(pid: int, began: float) -> bool:
    """Whether the process that began then still runs. A clock that was set moves what is reported by a little."""
    now = started_at(pid)
    return now is not None and abs(now - began) < 2


def wait_gone(pid: int, began: float, seconds: float) -> bool:
    """Wait until a process that is not our child is gone; whether it is."""
    deadline = time.monotonic() + seconds
    while is_running(pid, began):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True
