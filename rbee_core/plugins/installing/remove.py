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
from .keepers import Keeper

#: Never removed by way of a plugin: it is what removes.
_CORE = "rbee-core"


def distributions(records: Iterable[PluginRecord]) -> list[PluginRecord]:
    """One record for each distribution among ``records``, in their order."""
    found: dict[str, PluginRecord] = {}
    for record in records:
        found.setdefault(normalise(record.dist), record)
    return list(found.values())


def refuse_if_not_whole(records: Iterable[PluginRecord]) -> None:
    """Explain a distribution that no installer can remove, because the list of its files is gone.

    :raises RbeeError: ``PLUGIN_ERROR``: one has no RECORD.
    """
    for record in records:
        folder = Path(record.location)
        if folder.suffix == ".dist-info" and not (folder / "RECORD").is_file():
            by = _installer(record)
            raise RbeeError(
                ErrorCode.PLUGIN_ERROR,
                f"{record.title} cannot be uninstalled: the list of its files, {folder / 'RECORD'}, is missing."
                + (f" It was installed by {by}." if by else ""),
                "If the system's packages brought it, remove it with them. Else install it over itself, which writes "
                f"the list anew, and try again: {sys.executable} -m pip install --force-reinstall --no-deps "
                f"{record.dist}=={record.version}. `rbee plugins disable {record.dist}` turns it off meanwhile.",
            )


def uninstall_command(records: Iterable[PluginRecord], keeper: Keeper | None = None) -> list[str]:
    """The command that removes these distributions: uv's where uv installed them or pip is missing, else pip's.

    :param keeper: who keeps this environment; what pipx lists, pipx has to remove, or it would bring it back.
    :raises UsageError: it would remove rbee itself.
    :raises RbeeError: ``PLUGIN_ERROR``: there is neither uv nor pip.
    """
    records = list(records)
    if any(normalise(record.dist) == _CORE for record in records):
        raise UsageError(f"{_CORE} is rbee itself.", f"To remove it: {sys.executable} -m pip uninstall {_CORE}")
    names = [record.dist for record in records]
    if keeper is not None and keeper.program and all(keeper.lists(name) for name in names):
        return keeper.uninject(names)
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


def uninstall(records: Iterable[PluginRecord], keeper: Keeper | None = None) -> None:
    """Remove distributions, and see that they are gone. The installer's output goes to standard error.

    :param keeper: who keeps this environment, if not the person.
    :raises RbeeError: ``PLUGIN_ERROR``: the installer refused, or a distribution is still there.
    """
    records = list(records)
    command = uninstall_command(records, keeper)
    env = keeper.environment if keeper is not None else None
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), check=False)
    status = done.returncode
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
