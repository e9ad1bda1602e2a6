"""``rbee plugins list``: every plugin, from metadata alone."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ..errors import UsageError
from ..plugins.first_party import not_installed
from . import output, plugins_list_view
from .plugins_common import AsJson, run_checks, the_manager


class Kind(StrEnum):
    """What a plugin is."""

    VENDOR = "vendor"
    BACKEND = "backend"
    WORKER = "worker"
    COMMAND = "command"


class Status(StrEnum):
    """How a plugin is."""

    ACTIVE = "active"
    DISABLED = "disabled"
    ERROR = "error"
    INCOMPATIBLE = "incompatible"
    CONFLICT = "conflict"


def list_plugins(
    as_json: AsJson = False,
    check: Annotated[bool, typer.Option("--check", help="Really load each one first.")] = False,
    kind: Annotated[Kind | None, typer.Option(help="Only plugins of this kind.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only plugins in this state.")] = None,
    show_all: Annotated[
        bool, typer.Option("--all", "-a", help="Also rbee's own plugins that are not installed, with how to.")
    ] = False,
) -> None:
    """List every plugin, from metadata alone: none is imported, unless --check is given."""
    if show_all and status is not None:
        raise UsageError("--all and --status exclude each other.", "What is not installed has no state.")
    manager = the_manager()
    if check:
        run_checks(manager, manager.records())
    every = manager.records()
    records = [record for record in every if kind in (None, record.kind) and status in (None, record.status)]
    available = [dist for dist in not_installed(every) if kind in (None, dist.kind)] if show_all else None
    if as_json:
        output.print_json(plugins_list_view.as_json(records, available))
    elif records or available:
        plugins_list_view.draw(records, available or ())
    elif every or show_all:
        output.note("No plugins match.")
    else:
        output.note("No plugins are installed. Those of rbee, and how to install them: rbee plugins list --all")
    _tell_what_is_gone({record.dist for record in every})


def _tell_what_is_gone(here: set[str]) -> None:
    """Plugins that are on record and gone, as after an upgrade: nothing else would be said of them."""
    from ..plugins.installing.record import InstallRecord

    try:
        entries = InstallRecord(output.config()).entries()
    except UsageError:  # those who install are told
        return
    if gone := [entry.title for entry in entries if entry.plugins and entry.name not in here]:
        output.note(f"On record and gone: {', '.join(gone)}. To bring them back: rbee plugins sync")
