"""No process outlives the test that started it: not when the test fails, not when the tests themselves are killed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

from ..process_groups import kill_group

#: Processes that were noted, oldest first.
_STARTED: list[subprocess.Popen[Any]] = []


def bound(command: Sequence[str]) -> list[str]:
    """The command, made so that the kernel kills its process when this one is gone (Linux, ``PR_SET_PDEATHSIG``).

    Elsewhere, and without util-linux's ``setpriv``, just the command.
    """
    tool = _setpriv()
    return [tool, "--pdeathsig", "KILL", "--", *command] if tool else list(command)


@cache
def _setpriv() -> str | None:
    found = shutil.which("setpriv") if sys.platform == "linux" else None
    if found is None:
        return None
    told = subprocess.run([found, "--help"], capture_output=True, text=True, check=False)
    return found if "--pdeathsig" in told.stdout else None


def remember(process: subprocess.Popen[Any]) -> None:
    """Note a process, the head of a group of its own, for `end_since`."""
    _STARTED.append(process)


def count() -> int:
    """How many were noted so far."""
    return len(_STARTED)


def end_since(before: int) -> None:
    """Kill, with their groups, those noted since there were ``before`` that still run."""
    while len(_STARTED) > before:
        process = _STARTED.pop()
        if process.poll() is None:
            kill_group(process.pid)
            process.wait()
