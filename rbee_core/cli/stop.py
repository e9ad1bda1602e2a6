"""``rbee stop``: end running workers."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import UsageError
from . import complete, output
from .options import Json, facade

app = typer.Typer()


@app.command()
def stop(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID…", help="Ids, as `rbee ps` shows them.", autocompletion=complete.running_workers),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Stop all of them.")] = False,
    as_json: Json = False,
) -> None:
    """Stop workers: they finish what they are at for up to ten seconds, and take nothing new."""
    if bool(ids) == every:
        raise UsageError("Say which workers to stop.", "Either ids, or --all.")
    stopped = facade().workers.stop_running(None if every else ids)
    if as_json:
        output.print_json({"stopped": stopped})
    else:
        output.note(f"Stopped {', '.join(stopped)}." if stopped else "No worker is running.")
