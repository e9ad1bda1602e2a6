"""``rbee logs``: what a worker wrote."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from . import complete
from .options import facade

app = typer.Typer()


@app.command()
def logs(
    worker_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="A worker's id; it may have ended.", autocompletion=complete.logged_workers),
    ],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on showing until the worker ends.")] = False,
    lines: Annotated[int | None, typer.Option("--lines", "-n", min=0, help="Only so many of the last lines.")] = None,
) -> None:
    """Show a worker's log."""
    running = facade().workers.running
    path = running.find_log(worker_id)
    position = _start(path, lines)
    while True:
        alive = follow and any(worker.id == worker_id for worker in running.alive())
        with path.open("rb") as file:
            file.seek(position)
            while chunk := file.read(1 << 16):
                sys.stdout.buffer.write(chunk)
            position = file.tell()
        sys.stdout.buffer.flush()
        if not alive:
            return
        time.sleep(0.2)


def _start(path: Path, lines: int | None) -> int:
    """Where the last ``lines`` lines begin."""
    if lines is None:
        return 0
    data = path.read_bytes()
    position = len(data)
    for _ in range(lines + (0 if data.endswith(b"\n") else -1) + 1):
        position = data.rfind(b"\n", 0, max(position, 0))
        if position < 0:
            return 0
    return position + 1
