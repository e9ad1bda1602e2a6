"""Removing plugin distributions with whichever installer looks after this environment; nothing is imported for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from ...errors import ErrorCode, RbeeError, UsageError
from ..records import PluginRecord, normalise, scan

#: Never removed by way of a plugin: it is what removes.
_CORE = "rbee-core"


def distributions(records: Iterable[PluginRecord]) -> list[PluginRecord]:
    """One record for each distribution among ``records``, in their order."""
    found: dict[str, PluginRecord] = {}
    for record in records:
        found.setdefault(normalise(record.dist), record)
    return list(found.values())


def uninstall_command(records: Iterable[PluginRecord]) -> list[str]:
    """The command that removes these distributions: uv's where uv installed them or pip is missing, else pip's.

    :raises UsageError: it would remove rbee itself.
    :raises RbeeError: ``PLUGIN_ERROR``: there is neither uv nor pip.
    """
    records = list(records)
    if any(normalise(record.dist) == _CORE for record in records):
        raise UsageError(f"{_CORE} is rbee itself.", f"To remove it: {sys.executable} -m pip uninstall {_CORE}")
    names = [record.dist for record in records]
    uv, pip = shutil.which("uv"), find_spec("pip") is not None
    if uv and (not pip or all(_installer(record) == "uv" for record in records)):
        return [uv, "pip", "uninstall", "--python", sys.executable, *names]
    if pip:
        return [sys.executable, "-m", "pip", "uninstall", "--yes", *names]
    raise RbeeError(
        ErrorCode.PLUGIN_ERROR,
        "Neither uv nor pip is here to uninstall with.",
        f"Install uv, then: uv pip uninstall --python {sys.executable} {' '.join(names)}",
    )


def uninstall(records: Iterable[PluginRecord]) -> None:
    """Remove distributions, and see that they are gone. The installer's output goes to standard error.

    :raises RbeeError: ``PLUGIN_ERROR``: the installer refused, or a distribution is still there.
    """
    records = list(records)
    command = uninstall_command(records)
    status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), check=False).returncode
    if status != 0:
        raise RbeeError(
            ErrorCode.PLUGIN_ERROR,
            f"{Path(command[0]).name} could not uninstall {', '.join(record.title for record in records)}.",
            f"What it said stands above. The command was: {' '.join(command)}",
        )
    gone = {normalise(record.dist) for record in records}
    for left in scan():
        if normalise(left.dist) in gone:
            raise RbeeError(
                ErrorCode.PLUGIN_ERROR,
                f"{left.title} is still there, in {Path(left.location).parent}.",
                f"It was not installed into this environment: remove it from there, or take that folder off the path. "
                f"`rbee plugins disable {left.dist}` turns it off meanwhile.",
            )


def _installer(record: PluginRecord) -> str:
    """Who installed it (PEP 376's INSTALLER file), or an empty string."""
    try:
        return (Path(record.location) / "INSTALLER").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
