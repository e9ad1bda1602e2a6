"""``rbee plan``: what a model would run on here, whether it fits, and if not, why not and what would."""

from __future__ import annotations

import typer

from . import output
from .narrate import narrated_job
from .options import Json, download_options, facade
from .worker_options import Model, WorkerOptions, with_worker_options

app = typer.Typer()


@app.command()
@with_worker_options
def plan(model: Model, *, wanted: WorkerOptions, as_json: Json = False) -> None:
    """Show what a model would run on here, whether it fits, and why. Nothing is downloaded but its headers.

    `rbee run` and `rbee serve` with the same options then do exactly that (`serve` for 4 requests at once, if nothing
    else is said).
    """
    with narrated_job(download_options(offline=wanted.offline), json=as_json) as job:
        found = facade().plan(model, job, wanted.request(advice=True))
    if as_json:
        output.print_json(found.wire())
    else:
        from .plan_view import show

        show(found)
    if found.problem is not None:
        raise found.problem
