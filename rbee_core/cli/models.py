"""``rbee models``: the catalog."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import ErrorCode, RbeeError, UsageError
from ..units import human_size, parse_size
from . import complete, models_store, output
from .models_views import print_catalog, print_entry, print_resolution
from .narrate import narrated_job
from .options import Json, Offline, download_options, facade

app = typer.Typer(no_args_is_help=True, help="The model catalog: find, download, verify, remove.")
app.command("gc")(models_store.gc)
app.command("import")(models_store.import_models)

Text = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="A catalog id or a model reference.", autocompletion=complete.model_ids),
]


@app.command("catalog")
@app.command("list", hidden=True)
def catalog(as_json: Json = False) -> None:
    """List the models of this machine."""
    rbee = facade()
    print_catalog(rbee.catalog.load(), as_json=as_json)


@app.command()
def resolve(
    ref: Annotated[
        str,
        typer.Argument(
            metavar="REF", help="A model reference, e.g. org/repo:Q4_K_M.", autocompletion=complete.references
        ),
    ],
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit.")] = None,
    include: Annotated[list[str] | None, typer.Option(help="Only files that match this glob; may be repeated.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="No files that match this glob; may be repeated.")] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Allow plain HTTP beyond this machine.")] = False,
    offline: Offline = None,
    as_json: Json = False,
) -> None:
    """Show what a reference leads to: the vendor, the revision, the files. Nothing is downloaded."""
    options = download_options(revision=revision, include=include, exclude=exclude, insecure=insecure, offline=offline)
    with narrated_job(options, json=as_json) as job:
        resolution = facade().resolve(ref, job)
    print_resolution(resolution, as_json=as_json)


@app.command()
def download(
    ref: Annotated[
        str,
        typer.Argument(
            metavar="REF",
            help="A model reference, or the id of a registered model.",
            autocompletion=complete.references,
        ),
    ],
    entry_id: Annotated[str | None, typer.Option("--id", help="The catalog id to give it.")] = None,
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit.")] = None,
    sha256: Annotated[str | None, typer.Option(help="The digest that the model's file must have.")] = None,
    include: Annotated[list[str] | None, typer.Option(help="Only files that match this glob; may be repeated.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="No files that match this glob; may be repeated.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Download again even if it is here.")] = False,
    connections: Annotated[int | None, typer.Option(min=1, max=64, help="Connections at once, at most.")] = None,
    max_rate: Annotated[str | None, typer.Option(metavar="SIZE", help="Most bytes per second, e.g. 20M.")] = None,
    stall_timeout: Annotated[float | None, typer.Option(min=0.1, help="Seconds without a byte before a retry.")] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy local files instead of linking them.")] = False,
    insecure: Annotated[bool, typer.Option("--insecure", help="Allow plain HTTP beyond this machine.")] = False,
    offline: Offline = None,
    as_json: Json = False,
) -> None:
    """Download a model, verify it and add it to the catalog. One that is here already is left as it is."""
    options = download_options(
        revision=revision,
        include=include,
        exclude=exclude,
        insecure=insecure,
        offline=offline,
        connections=connections,
        max_rate=_rate(max_rate),
        stall_timeout=stall_timeout,
        copy=copy,
    )
    with narrated_job(options, json=as_json) as job:
        entry = facade().download(ref, job, entry_id=entry_id, sha256=sha256, force=force)
    if as_json:
        output.print_json(entry.wire())


@app.command()
def register(
    entry_id: Annotated[str, typer.Argument(metavar="ID", help="The catalog id to give it.")],
    name: Annotated[str, typer.Option(help="A name for people.")],
    repo: Annotated[str, typer.Option(help="Where it comes from: org/repo on the hub, or any model reference.")],
    architecture: Annotated[str, typer.Option(help="The model family, e.g. llama.")],
    backends: Annotated[str, typer.Option(help="What it runs on, separated by commas.")] = "cpu,metal,cuda",
    as_json: Json = False,
) -> None:
    """Add a model to the catalog without downloading it yet."""
    names = tuple(part.strip() for part in backends.split(",") if part.strip())
    try:
        entry = facade().register(entry_id, name=name, repo=repo, architecture=architecture, backends=names)
    except ValueError as error:
        raise UsageError(f"This cannot be registered: {error}") from None
    if as_json:
        output.print_json(entry.wire())
    else:
        output.note(f"Registered {entry.id}. Fetch it with: rbee models download {entry.id}")


@app.command()
def unregister(text: Text, as_json: Json = False) -> None:
    """Take a model out of the catalog; its files stay where they are."""
    rbee = facade()
    entry = rbee.require(text)
    rbee.catalog.delete(entry.id)
    _report(as_json, {"id": entry.id, "removed": True, "files": "kept"}, f"Unregistered {entry.id}; its files stay.")


@app.command()
def show(text: Text, as_json: Json = False) -> None:
    """Show everything known of one model."""
    print_entry(facade().require(text), as_json=as_json)


@app.command()
def verify(
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL]…", help="All models, if none is named.", autocompletion=complete.model_ids),
    ] = None,
    as_json: Json = False,
) -> None:
    """Hash models again and compare with what was verified when they came. Exit status 1 if one differs."""
    with narrated_job(json=as_json) as job:
        results = facade().verify(texts or [], job)
    if as_json:
        output.print_json({"results": [result.wire() for result in results]})
    else:
        colours = {"pass": "green", "warn": "yellow", "fail": "red"}
        table = output.table("id", "outcome", "reason")
        for result in results:
            outcome = result.outcome.value
            table.add_row(result.id, f"[{colours[outcome]}]{outcome}[/]", result.reason)
        output.console().print(table)
    if any(result.outcome.value == "fail" for result in results):
        raise typer.Exit(1)


@app.command()
def locate(text: Text, as_json: Json = False) -> None:
    """Print where a model's files are: what an engine is given to load."""
    entry = facade().require(text)
    path = facade().catalog.locate(entry.id)
    if path is None:
        raise RbeeError(
            ErrorCode.MODEL_NOT_FOUND,
            f"{entry.id} is not downloaded.",
            f"Fetch it with: rbee models download {entry.id}",
        )
    if as_json:
        output.print_json({"id": entry.id, "path": str(path), "folder": str(_folder(path, entry.id))})
    else:
        typer.echo(str(path))


@app.command()
def retire(text: Text, as_json: Json = False) -> None:
    """Keep a model, but no longer run it unless asked for by name with a flag."""
    _set_state(text, "Retired", as_json)


@app.command()
def activate(text: Text, as_json: Json = False) -> None:
    """Offer a retired model for use again."""
    _set_state(text, "Active", as_json)


@app.command()
def pin(text: Text, as_json: Json = False) -> None:
    """Never evict this model to make room."""
    entry = facade().set_pinned(text, True)
    _report(as_json, entry.wire(), f"Pinned {entry.id}.")


@app.command()
def unpin(text: Text, as_json: Json = False) -> None:
    """Let this model be evicted again."""
    entry = facade().set_pinned(text, False)
    _report(as_json, entry.wire(), f"Unpinned {entry.id}.")


@app.command()
def rm(
    texts: Annotated[
        list[str],
        typer.Argument(metavar="MODEL…", help="Catalog ids or references.", autocompletion=complete.model_ids),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Remove pinned models too.")] = False,
    as_json: Json = False,
) -> None:
    """Remove models: their entries and their files."""
    rbee = facade()
    entries = [rbee.require(text) for text in texts]
    if pinned := [entry.id for entry in entries if entry.pinned and not force]:
        raise UsageError(f"Pinned: {', '.join(pinned)}.", "Unpin first (rbee models unpin ID), or use --force.")
    removed = [{"id": entry.id, "size": entry.size, "removed": not dry_run} for entry in entries]
    what = ", ".join(f"{entry.id} ({human_size(entry.size)})" for entry in entries)
    if dry_run:
        _report(as_json, {"models": removed}, f"Would remove {what}.")
        return
    if not yes and not as_json and output.interactive():
        typer.confirm(f"Remove {what}?", abort=True, err=True)
    for entry in entries:
        rbee.store.remove(entry.id)
    _report(as_json, {"models": removed}, f"Removed {what}.")


def _set_state(text: str, state: str, as_json: bool) -> None:
    from ..contracts.common import LifecycleState

    rbee = facade()
    entry = rbee.require(text)
    rbee.catalog.set_state(entry.id, LifecycleState(state))
    _report(as_json, rbee.require(entry.id).wire(), f"{entry.id} is now {state.lower()}.")


def _report(as_json: bool, data: object, text: str) -> None:
    if as_json:
        output.print_json(data)
    else:
        output.note(text)


def _folder(path: Path, entry_id: str) -> Path:
    return facade().store.folder(entry_id)


def _rate(text: str | None) -> int | None:
    try:
        return None if text is None else parse_size(text)
    except ValueError as error:
        raise UsageError(f"--max-rate: {error}") from None
