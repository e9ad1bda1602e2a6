"""``rbee workers``: the workers that run models."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..units import human_size
from . import complete, output
from .narrate import narrated_job
from .options import Json, Offline, Paths, download_options, facade

app = typer.Typer(no_args_is_help=True, help="The workers that run models: list, build, remove.")

Id = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="A worker's id, or a variant's, e.g. llm-worker-cpu.", autocompletion=complete.worker_ids
    ),
]


@app.command("list")
def list_workers(path: Paths = None, as_json: Json = False) -> None:
    """List the workers that were found, each with its variants."""
    rows = facade().workers.rows([str(folder) for folder in path or ()])
    if as_json:
        output.print_json({"workers": rows})
        return
    if not rows:
        output.note("No worker was found. Install one with: pip install rbee-worker-llm")
        return
    table = output.table("variant", "version", "name", "formats", "source", "can be built")
    for row in rows:
        formats = " ".join(row["capabilities"].get("supportedFormats", []))
        for variant in row["variants"]:
            verdict = "yes" if variant["buildable"] else f"no: {variant['reason']}"
            table.add_row(variant["id"], row["version"], row["name"], formats, row["source"], verdict)
        if not row["variants"]:
            table.add_row(row["id"], "", "", "", row["source"], f"no: {row['reason']}")
    output.console().print(table)


@app.command()
def show(worker_id: Id, path: Paths = None, as_json: Json = False) -> None:
    """Show everything a worker's description says, and what is built of it."""
    data = facade().workers.details(worker_id, [str(folder) for folder in path or ()])
    if as_json:
        output.print_json(data)
        return
    table = output.table("", "", title=data["id"])
    for key, value in data.items():
        table.add_row(key, _shown(value))
    output.console().print(table)


def _shown(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@app.command()
def build(
    worker_id: Id,
    path: Paths = None,
    force: Annotated[bool, typer.Option("--force", help="Build again even if just this is built.")] = False,
    offline: Offline = None,
    as_json: Json = False,
) -> None:
    """Build a worker in an environment of its own. What is built already is left as it is."""
    workers = facade().workers
    recipe, variant = workers.recipe(worker_id, [str(folder) for folder in path or ()])
    with narrated_job(download_options(offline=offline), json=as_json) as job:
        binary = workers.build(recipe, variant, job, force=force)
    if as_json:
        output.print_json(binary.wire())


@app.command()
def installed(as_json: Json = False) -> None:
    """List the workers that are built."""
    binaries = facade().workers.installed.newest()
    if as_json:
        output.print_json({"workers": [binary.wire() for binary in binaries]})
        return
    if not binaries:
        output.note("No worker is built yet.")
        return
    table = output.table("id", "version", "formats", "size", "built", "folder")
    for binary in binaries:
        table.add_row(
            binary.id,
            binary.version,
            " ".join(binary.supported_formats),
            human_size(binary.size),
            f"{binary.added_at:%Y-%m-%d %H:%M}",
            binary.path,
        )
    output.console().print(table)


@app.command("rm")
def remove(
    worker_id: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="A built variant's id, e.g. llm-worker-cpu.", autocompletion=complete.built_workers
        ),
    ],
    as_json: Json = False,
) -> None:
    """Remove a built worker, and what is left of builds that failed."""
    facade().workers.remove(worker_id)
    if as_json:
        output.print_json({"id": worker_id, "removed": True})
    else:
        output.note(f"Removed {worker_id}.")
