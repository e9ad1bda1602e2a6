"""``rbee ps``: the workers that run."""

from __future__ import annotations

import typer

from . import output
from .options import Json, facade

app = typer.Typer()


@app.command()
def ps(as_json: Json = False) -> None:
    """List the workers that are running."""
    rows = facade().workers.processes()
    if as_json:
        output.print_json({"workers": rows})
        return
    if not rows:
        output.note("No worker is running.")
        return
    table = output.table("id", "model", "worker", "device", "url", "pid", "status", "started")
    for row in rows:
        keys = ("id", "model", "worker", "device", "url", "pid", "status", "startedAt")
        table.add_row(*(str(row[key]) for key in keys))
    output.console().print(table)
    for row in rows:
        if "reason" in row:
            output.note(f"{row['id']} crashed: {row['reason']}. See: rbee logs {row['id']}")
