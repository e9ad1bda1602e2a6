"""``rbee plugins``: what is installed, whether it works, and which of it is used."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from . import output

if TYPE_CHECKING:
    from rich.text import Text

    from ..plugins import PluginManager, PluginRecord
    from ..plugins.check import Checked

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Vendors, backends, workers and commands that are installed."
)


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


#: Characters of width from which on the table has a column for reasons.
_WIDE = 100
_STYLES = {"active": "green", "disabled": "dim", "error": "red", "incompatible": "red", "conflict": "yellow"}

Name = Annotated[str, typer.Argument(metavar="NAME", help="An entry point, or a distribution for all it brings.")]
Names = Annotated[list[str], typer.Argument(metavar="NAME…", help="Entry points, or distributions.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds each plugin may take.")]


@app.callback()
def group() -> None:
    """Vendors, backends, workers and commands that are installed."""


@app.command("list")
def list_(
    as_json: AsJson = False,
    check: Annotated[bool, typer.Option("--check", help="Really load each one first.")] = False,
    kind: Annotated[Kind | None, typer.Option(help="Only plugins of this kind.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only plugins in this state.")] = None,
) -> None:
    """List every plugin, from metadata alone: none is imported, unless --check is given."""
    manager = _manager()
    if check:
        _check(manager, manager.records())
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


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show all that is known about a plugin without importing it."""
    from ..plugins.details import details
    from ..plugins.settings import named

    manager = _manager()
    found = [details(record, manager.registry.failures.hooks(record)) for record in named(manager.records(), name)]
    if as_json:
        output.print_json({"plugins": found})
        return
    for facts in found:
        _print_details(facts)


@app.command()
def enable(name: Name, as_json: AsJson = False) -> None:
    """Turn a plugin on again."""
    from ..plugins.settings import enable as turn_on

    manager = _manager()
    meant = turn_on(manager.registry.settings, manager.records(), name)
    now = _again(manager, meant)
    if not meant:
        output.note(f"{name} is no longer turned off; it is not installed.")
    for record in now:
        if record.status == "disabled":
            output.warn(f"{record.name} ({record.title}) stays disabled: {record.reason}")
        else:
            output.note(f"Enabled {record.name} ({record.title}).")
    if as_json:
        output.print_json({"plugins": [record.row() for record in now]})


@app.command()
def disable(name: Name, as_json: AsJson = False) -> None:
    """Turn a plugin off: it is never imported, until it is enabled again."""
    from ..plugins.settings import disable as turn_off

    manager = _manager()
    now = _again(manager, turn_off(manager.registry.settings, manager.records(), name))
    for record in now:
        output.note(f"Disabled {record.name} ({record.title}).")
    if as_json:
        output.print_json({"plugins": [record.row() for record in now]})


@app.command()
def prefer(
    name: Annotated[str, typer.Argument(metavar="SCHEME", help="A scheme, backend, worker or command.")],
    dist: Annotated[str | None, typer.Argument(metavar="DIST", help="The distribution that decides for it.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take the preference back.")] = False,
    as_json: AsJson = False,
) -> None:
    """Choose which distribution wins where several answer to one name."""
    from ..plugins import settings

    manager = _manager()
    if clear == (dist is not None):
        raise UsageError("Say which distribution, or --clear.", f"rbee plugins prefer {name} DIST")
    if dist is None:
        had = settings.forget_preference(manager.registry.settings, name)
        output.note(f"No distribution is preferred for {name} {'any more' if had else '(none was)'}.")
        now = [record for record in manager.records() if record.name.lower() == name.lower()]
    else:
        now = _again(manager, settings.prefer(manager.registry.settings, manager.records(), name, dist))
        for record in now:
            output.note(f"{record.dist} is preferred for {record.name}.")
    if as_json:
        output.print_json({"plugins": [record.row() for record in now]})


@app.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", help="All, when none is named.")] = None,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
) -> None:
    """Really load plugins, each in a process of its own, and remember what comes of it. Exit status 1 if one fails."""
    manager = _manager()
    records = _named(manager, names) if names else manager.records()
    results = {result.record.key: result for result in _check(manager, records, timeout)}
    after = _again(manager, records)
    if as_json:
        output.print_json({"results": [_result(record, results.get(record.key)) for record in after]})
    else:
        for record in after:
            _print_result(record, results.get(record.key))
    if any(result.failure is not None for result in results.values()):
        raise typer.Exit(1)


@app.command()
def uninstall(
    names: Names,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the command that would do it.")] = False,
) -> None:
    """Remove the distributions that plugins came with. Nothing of them is imported, so a broken one goes too."""
    import shlex

    from ..plugins import installer

    manager = _manager()
    dists = installer.distributions(_named(manager, names))
    command = installer.uninstall_command(dists)
    if dry_run:
        typer.echo(shlex.join(command))
        return
    brought = [record for record in manager.records() if any(record.dist == dist.dist for dist in dists)]
    for dist in dists:
        ways = ", ".join(f"{record.kind} {record.name}" for record in brought if record.dist == dist.dist)
        output.note(f"{dist.title} brings: {ways}")
    if not yes:
        _confirm(f"Uninstall {', '.join(dist.title for dist in dists)}?")
    installer.uninstall(dists)
    for dist in dists:
        output.note(f"Uninstalled {dist.title}.")


# --- helpers --------------------------------------------------------------------------------------------------------


def _manager() -> PluginManager:
    from ..plugins import PluginManager

    return PluginManager(output.config(), on_problem=output.warn_once)


def _named(manager: PluginManager, names: list[str]) -> list[PluginRecord]:
    from ..plugins.settings import named

    records = manager.records()
    wanted = {record.key for name in names for record in named(records, name)}
    return [record for record in records if record.key in wanted]


def _again(manager: PluginManager, records: list[PluginRecord]) -> list[PluginRecord]:
    """The same plugins, as they stand now."""
    keys = {record.key for record in records}
    return [record for record in manager.records() if record.key in keys]


def _confirm(question: str) -> None:
    import sys

    if not sys.stdin.isatty():
        raise UsageError("This wants an answer, and there is nobody to ask.", "Say --yes.")
    typer.confirm(question, abort=True, err=True)


def _check(manager: PluginManager, records: list[PluginRecord], timeout: float = 10.0) -> list[Checked]:
    from ..plugins.check import check_all

    results = check_all(manager, records, limit=timeout)
    if output.verbose():
        for result in results:
            if result.traceback:
                output.note(f"{result.record.name} ({result.record.title}):\n{result.traceback}")
    return results


def _result(record: PluginRecord, result: Checked | None) -> dict[str, Any]:
    outcome = "skipped" if result is None else "fail" if result.failure is not None else "pass"
    return {**record.row(), "outcome": outcome, "hooks": result.hooks if result is not None else []}


def _print_result(record: PluginRecord, result: Checked | None) -> None:
    from rich.text import Text

    title = f"{record.kind} {record.name} ({record.title})"
    if result is None:
        line = Text.assemble(("skipped ", "dim"), f"{title}: {record.reason}")
    elif result.failure is not None:
        where = "" if result.failure.where == "load" else f"{result.failure.where}: "
        line = Text.assemble(("failed  ", "red"), f"{title}: {where}{result.failure.reason}")
    else:
        line = Text.assemble(("passed  ", "green"), title, f": {', '.join(result.hooks)}" if result.hooks else "")
    output.console().print(line)


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
        cells = [_plain(record.kind if record.kind != before else ""), _plain(record.name), _status(record.status)]
        cells.append(_plain(record.title))
        table.add_row(*cells, *([_plain(record.reason or "")] if aside else []))
        before = record.kind
    screen.print(table)
    for record in [] if aside else reasons:
        screen.print(_plain(f"{record.name} ({record.dist}): {record.reason}"))


def _print_details(facts: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for key, value in facts.items():
        if key == "status":
            shown = _status(value)
        elif key == "hooks" and value is None:
            shown = Text(f"not known yet: rbee plugins check {facts['name']}", style="dim")
        elif value is None or value == []:
            continue
        elif isinstance(value, bool):
            shown = Text("yes" if value else "no")
        else:
            shown = Text(", ".join(value) if isinstance(value, list) else str(value), overflow="fold")
        grid.add_row(Text(_LABELS.get(key, key), style="bold"), shown)
    output.console().print(grid)
    output.console().print()


_LABELS = {"dist": "distribution", "entryPoint": "entry point", "license": "licence", "installer": "installed by"}


def _status(status: str) -> Text:
    from rich.text import Text

    return Text(status, style=_STYLES.get(status, ""))


def _plain(cell: str) -> Text:
    """What a plugin says of itself, as text: never markup, never control characters."""
    from rich.text import Text

    return Text("".join(c if c.isprintable() else "?" for c in cell), overflow="fold")
