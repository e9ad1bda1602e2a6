"""``rbee plugins check``: whether plugins work, and what else is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ErrorCode, RbeeError, UsageError
from . import complete, output
from .plugins_common import AsJson, Timeout, again, all_named, run_checks, the_manager

if TYPE_CHECKING:
    from ..checking.check import Checked
    from ..plugins import PluginManager, PluginRecord

Strict = Annotated[bool, typer.Option("--strict", help="Warnings fail too: for the CI of a plugin.")]


def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]…", help="All, when none is named.", autocompletion=complete.plugin_names),
    ] = None,
    timeout: Timeout = 10.0,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Really load plugins, each in a process of its own, and remember what comes of it. Exit status 1 if one fails."""
    from . import plugins_check_view

    manager = the_manager()
    records = _meant(manager, names) if names else manager.records()
    results = {result.record.key: result for result in run_checks(manager, records, timeout)}
    after = [(record, results.get(record.key)) for record in again(manager, records)]
    if as_json:
        output.print_json({"results": [_row(record, result, strict) for record, result in after]})
    else:
        plugins_check_view.draw(after, strict=strict)
    if not all(result.passes(strict=strict) for result in results.values()):
        raise typer.Exit(1)


def _meant(manager: PluginManager, names: list[str]) -> list[PluginRecord]:
    """The plugins that are named.

    :raises UsageError: one of the names is nothing that is installed.
    :raises RbeeError: one is a distribution whose entry points are in groups that nothing reads.
    """
    from ..checking.unread import unread_groups

    try:
        return all_named(manager, names)
    except UsageError:
        for name in names:
            for found in unread_groups(name):
                raise RbeeError(ErrorCode.PLUGIN_ERROR, f"{name}: {found.message}.", found.hint or "") from None
        raise


def _row(record: PluginRecord, result: Checked | None, strict: bool) -> dict[str, Any]:
    if result is None:
        nothing: dict[str, Any] = {"findings": [], "importMs": None, "modules": None, "heavy": {}}
        return {**record.row(), "outcome": "skipped", "hooks": [], **nothing}
    return {**record.row(), "outcome": "pass" if result.passes(strict=strict) else "fail", **result.row()}
