"""Where detection looks: one place, so that tests can stand another machine in."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.probing import run_tool


def _may_use(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK)


def _tool(argv: Sequence[str]) -> str | None:
    return run_tool(argv, limit=1.5)


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine to look at: this one, unless told otherwise.

    ``root`` is where ``/sys``, ``/proc``, ``/dev`` and ``/opt`` are looked for, ``may_use`` says whether this process
    may read and write a device file, ``tool`` gives what a tool prints, or ``None``.
    """

    root: Path = Path("/")
    system: str = sys.platform
    architecture: str = field(default_factory=lambda: platform.machine().lower())
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    may_use: Callable[[Path], bool] = _may_use
    tool: Callable[[Sequence[str]], str | None] = _tool


def unavailable(message: str, hint: str = "") -> RbeeError:
    """Why there is no device."""
    return RbeeError(ErrorCode.BACKEND_UNAVAILABLE, message, hint)
