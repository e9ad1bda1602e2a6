"""``rbee serve``: a model behind an OpenAI-compatible API."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ErrorCode, RbeeError, UsageError
from . import output
from .narrate import narrated_job
from .options import Json, download_options, facade
from .worker_options import Model, WorkerOptions, prepare, with_worker_options

if TYPE_CHECKING:
    from ..workers.runtime import Started

app = typer.Typer()

#: Requests a server computes at once if nothing else is said.
DEFAULT_PARALLEL = 4


@app.command()
@with_worker_options
def serve(
    model: Model,
    host: Annotated[
        str, typer.Option(help="The address to listen on. Others than loopback need an API key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return as soon as it answers, and leave it running.")
    ] = False,
    api_key_file: Annotated[
        Path | None, typer.Option(help="A file with the key that clients have to send; else RBEE_API_KEY, if set.")
    ] = None,
    idle_timeout: Annotated[
        float | None, typer.Option(min=1, help="End after so many seconds without a request.")
    ] = None,
    *,
    wanted: WorkerOptions,
    as_json: Json = False,
) -> None:
    """Serve a model: download it, build its worker and start it if need be. Runs until Ctrl-C, unless detached."""
    if api_key_file is not None and not api_key_file.is_file():
        raise UsageError(f"--api-key-file {api_key_file}: no such file", "Name a file that holds the key, on one line.")
    key = api_key_file.absolute() if api_key_file else None
    how: dict[str, Any] = {
        "host": host,
        "port": port,
        "api_key_file": key,
        "attached": not detach,
        "idle_timeout": idle_timeout,
    }
    with narrated_job(download_options(offline=wanted.offline), json=as_json) as job:
        ready = prepare(model, job, wanted, parallel=DEFAULT_PARALLEL, **how)
        started = facade().workers.start(ready.recipe, ready.variant, ready.entry, ready.options, job)
    worker = started.worker
    if as_json:
        output.print_json(worker.summary())
    if not detach:
        _stay(started, idle_timeout, as_json=as_json)
    elif not as_json:
        output.note(f"{worker.id} serves {worker.model} on {worker.url}/v1 (stop it with: rbee stop {worker.id})")


def _stay(started: Started, idle_timeout: float | None, *, as_json: bool) -> None:
    """Keep the worker until Ctrl-C or SIGTERM, or until it ends by itself."""
    import sys

    from ..process_groups import ending

    sys.stdout.flush()
    worker = started.worker
    if not as_json:
        output.note(f"Serving {worker.model} on {worker.url}/v1. Ctrl-C stops it.")
    told: list[int] = []
    wake = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        told.append(number)
        wake.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    while not told and started.process.poll() is None:
        wake.wait(0.2)
    ended = started.process.poll()
    facade().workers.stop(started)
    if told and told[0] == signal.SIGINT:
        raise typer.Exit(130)
    if ended == 0 and idle_timeout is not None:
        if not as_json:
            output.note(f"{worker.id} ended: no request for {idle_timeout:g} s.")
        return
    if not told:
        raise RbeeError(
            ErrorCode.WORKER_START_FAILED,
            f"The worker {worker.id} {ending(ended or 0)}.",
            f"Its log: {worker.log}",
        )
