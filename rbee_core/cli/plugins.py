"""``rbee plugins``: what is installed, whether it works, and which of it is used."""

from __future__ import annotations

from typing import Any

import typer

from . import (
    output,
    plugins_check,
    plugins_install,
    plugins_list,
    plugins_new,
    plugins_settings,
    plugins_sync,
    plugins_uninstall,
)
from .plugins_common import AsJson, Name, status_text, the_manager

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


app.command()(plugins_check.check)
app.command()(plugins_install.install)
app.command()(plugins_uninstall.uninstall)
app.command()(plugins_sync.sync)
app.command()(plugins_sync.export)
app.command()(plugins_new.new)


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
