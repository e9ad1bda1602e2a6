"""``rbee plugins``: what is installed, whether it works, and which of it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import complete, output, plugins_install, plugins_list, plugins_settings
from .plugins_common import AsJson, Name, Timeout, again, all_named, run_checks, status_text, the_manager

if TYPE_CHECKING:
    from ..plugins import PluginRecord
    from ..plugins.check import Checked

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Vendors, backends, workers and commands that are installed."
)

_LABELS = {"dist": "distribution", "entryPoint": "entry point", "license": "licence", "installer": "installed by"}


@app.callback()
def group() -> None:
    """Vendors, backends, workers and commands that are installed."""


app.command("list")(plugins_list.list_plugins)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show all that is known about a plugin without importing it."""
    from ..plugins.details import details
    from ..plugins.settings import named

    manager = the_manager()
    found = [details(record, manager.registry.failures.hooks(record)) for record in named(manager.records(), name)]
    if as_json:
        output.print_json({"plugins": found})
        return
    for facts in found:
        _print_details(facts)


app.command()(plugins_settings.enable)
app.command()(plugins_settings.disable)
app.command()(plugins_settings.prefer)


@app.command()
def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]…", help="All, when none is named.", autocompletion=complete.plugin_names),
    ] = None,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
) -> None:
    """Really load plugins, each in a process of its own, and remember what comes of it. Exit status 1 if one fails."""
    manager = the_manager()
    records = all_named(manager, names) if names else manager.records()
    results = {result.record.key: result for result in run_checks(manager, records, timeout)}
    after = again(manager, records)
    if as_json:
        output.print_json({"results": [_result(record, results.get(record.key)) for record in after]})
    else:
        for record in after:
            _print_result(record, results.get(record.key))
    if any(result.failure is not None for result in results.values()):
        raise typer.Exit(1)


app.command()(plugins_install.install)
app.command()(plugins_install.uninstall)


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


def _print_details(facts: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    for key, value in facts.items():
        if key == "status":
            shown = status_text(value)
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
