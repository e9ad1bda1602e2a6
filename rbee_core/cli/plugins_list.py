"""``rbee plugins list``: every plugin, from metadata alone."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from . import output
from .plugins_common import AsJson, plain, run_checks, status_text, the_manager

if TYPE_CHECKING:
    from ..plugins import PluginRecord

#: Characters of width from which on the table has a column for reasons.
_WIDE = 100


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
) -> None:
    """List every plugin, from metadata alone: none is imported, unless --check is given."""
    manager = the_manager()
    if check:
        run_checks(manager, manager.records())
    records = [
        record for record in manager.records() if kind in (None, record.kind) and status in (None, record.status)
    ]
    if as_json:
        output.print_json({"plugins": [record.row() for record in records]})
        return
    if not records:
        output.note("No plugins match." if kind or status else "No plugins are installed.")
        return
    _print_table(records)


def _print_table(records: list[PluginRecord]) -> None:
    """Draw the list; where a column of reasons would be too narrow to read, they stand below it."""
    screen = output.console()
    reasons = [record for record in records if record.reason]
    aside = reasons and screen.width >= _WIDE
    table = output.table("kind", "name", "status", "distribution", *(["reason"] if aside else []))
    for column in table.columns[0], table.columns[2]:
        column.no_wrap = True
    before = ""
    for record in records:
        if before and record.kind != before:
            table.add_section()
        cells = [plain(record.kind if record.kind != before else ""), plain(record.name), status_text(record.status)]
        cells.append(plain(record.title))
        table.add_row(*cells, *([plain(record.reason or "")] if aside else []))
        before = record.kind
    screen.print(table)
    for record in [] if aside else reasons:
        screen.print(plain(f"{record.name} ({record.dist}): {record.reason}"))
