"""``rbee plugins uninstall``: out of the environment that rbee runs in, and off the record."""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from . import complete, output
from .plugins_common import AsJson, Yes, all_named, confirm, the_manager

if TYPE_CHECKING:
    from ..plugins import PluginManager, PluginRecord
    from ..plugins.installing.keepers import Keeper
    from ..plugins.installing.record import Entry, InstallRecord

_Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME…",
        help="Entry points, or distributions; also of what is on record and gone.",
        autocompletion=complete.uninstallable,
    ),
]


def uninstall(
    names: _Names,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the command that would do it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove the distributions that plugins came with. Nothing of them is imported, so a broken one goes too."""
    from ..plugins.installing import remove
    from ..plugins.installing.environment import Environment
    from ..plugins.installing.keepers import Keeper
    from ..plugins.installing.record import InstallRecord

    manager = the_manager()
    record = InstallRecord(output.config(), on_problem=output.warn_once)
    dists, entries = _meant(manager, record, names)
    keeper = Keeper.of(Environment.here().prefix)
    remove.refuse_if_not_whole(dists)
    command = remove.uninstall_command(dists, keeper) if dists else []
    if not as_json:
        _tell(manager, dists, entries)
    if dry_run:
        _answer(dists, entries, command, as_json=as_json, dry_run=True)
        return
    if dists and not yes:
        confirm(f"Uninstall {', '.join(dist.title for dist in dists)}?")
    with record.working():
        _forget(record, entries)
        try:
            if dists:
                remove.uninstall(dists, keeper)
        except BaseException:
            with suppress(UsageError):
                record.put(entries)
            raise
    for dist in dists:
        output.note(f"Uninstalled {dist.title}.")
    _warn_of_keeper(keeper, dists)
    _answer(dists, entries, command, as_json=as_json, dry_run=False)


def _meant(manager: PluginManager, record: InstallRecord, names: list[str]) -> tuple[list[PluginRecord], list[Entry]]:
    """The distributions to remove and the entries to forget.

    :raises UsageError: a name is neither a plugin's nor on record.
    """
    from ..plugins.installing import remove
    from ..plugins.records import normalise

    try:
        recorded = record.entries()
    except UsageError as error:
        output.warn(f"{error.message} What is removed now may be restored by `rbee plugins sync`.")
        recorded = []
    listed = manager.records()
    installed = [name for name in names if any(one.goes_by(name) for one in listed)]
    gone = [name for name in names if name not in installed]
    entries = [entry for entry in recorded if any(entry.goes_by(name) for name in gone)]
    if unknown := [name for name in gone if not any(entry.goes_by(name) for entry in entries)]:
        all_named(manager, unknown)  # says what is near
    dists = remove.distributions(all_named(manager, installed))
    keys = {normalise(dist.dist) for dist in dists}
    return dists, [
        *(entry for entry in recorded if entry.key in keys),
        *(one for one in entries if one.key not in keys),
    ]


def _forget(record: InstallRecord, entries: list[Entry]) -> None:
    """Before it is removed: whatever ends this, it is what the person wants."""
    try:
        record.forget(entry.key for entry in entries)
    except UsageError as error:
        output.warn(f"{error.message} `rbee plugins sync` will bring back what is removed now.")


def _tell(manager: PluginManager, dists: list[PluginRecord], entries: list[Entry]) -> None:
    from ..plugins.installing.installed import installed, needed_by

    brought = manager.records()
    others = installed() if dists else {}
    for dist in dists:
        ways = ", ".join(f"{record.kind} {record.name}" for record in brought if record.dist == dist.dist)
        output.note(f"{dist.title} brings: {ways}")
        needing = [one.name for one in needed_by(dist.dist, others.values())]
        if left := [name for name in needing if name not in {one.dist for one in dists}]:
            output.warn(f"{dist.dist} is required by {', '.join(left)}, which may fail without it.")
    for entry in entries:
        if all(dist.dist != entry.name for dist in dists):
            output.note(f"{entry.title} is on record and not installed; it will be forgotten.")


def _warn_of_keeper(keeper: Keeper | None, dists: list[PluginRecord]) -> None:
    from ..plugins.installing.keepers import Keeper

    if keeper is None:
        return
    now = Keeper(keeper.tool, keeper.prefix)
    if back := [dist.dist for dist in dists if now.lists(dist.dist)]:
        output.warn(f"{keeper.tool} will bring {', '.join(back)} back when it upgrades, until: {now.dropping(back)}")


def _answer(
    dists: list[PluginRecord], entries: list[Entry], command: list[str], *, as_json: bool, dry_run: bool
) -> None:
    if not as_json:
        if dry_run and command:
            typer.echo(shlex.join(command))
        return
    from ..plugins.installing.installed import installed, needed_by

    others = list(installed().values())
    data: dict[str, Any] = {
        "dryRun": dry_run,
        "command": command,
        "uninstalled": [
            {
                "name": dist.dist,
                "version": dist.version,
                "requiredBy": [one.name for one in needed_by(dist.dist, others)],
            }
            for dist in dists
        ],
        "forgotten": [entry.name or entry.requirement for entry in entries],
    }
    output.print_json(data)
