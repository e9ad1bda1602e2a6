"""``rbee config``: the settings in force."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from . import output

app = typer.Typer(no_args_is_help=True, help="The settings in force, and where each comes from.")


@app.callback()
def group() -> None:
    """The settings in force, and where each comes from."""


@app.command()
def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show each setting, its value, and what set it: flag, environment, file or default."""
    config = output.config()
    rows = config.explain()
    if as_json:
        output.print_json({"file": str(config.file), "settings": rows})
        return
    table = output.table("setting", "value", "from", "meaning")
    for row in rows:
        table.add_row(row["key"], _shown(row["value"]), row["origin"], row.get("help", ""))
    output.console().print(table)
    for row in rows:
        if row.get("unknown"):
            output.warn(f"{config.file}: nothing reads the key {row['key']!r}")


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, list):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
