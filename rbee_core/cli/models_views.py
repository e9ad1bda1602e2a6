"""How models are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..contracts.common import ArtifactStatus, LifecycleState
from ..contracts.model import ModelEntry
from ..units import human_size
from . import output

if TYPE_CHECKING:
    from ..models import Resolution
    from ..store import Catalog


def print_catalog(catalog: Catalog, *, as_json: bool) -> None:
    """The table of seed 002: id, name, downloaded, size; the pool in the heading, the total below."""
    if as_json:
        output.print_json(
            {
                "version": catalog.version,
                "poolId": catalog.pool_id,
                "updatedAt": catalog.updated_at,
                "models": [entry.wire() for entry in catalog.models],
            }
        )
        return
    table = output.table(
        "ID",
        "Name",
        "Downloaded",
        "Size",
        title=f"Model Catalog for {catalog.pool_id}",
        caption=f"Total models: {len(catalog.models)}",
    )
    for entry in catalog.models:
        table.add_row(_plain(entry.id), _plain(_name(entry)), _downloaded(entry), human_size(entry.size))
    output.console().print(table)
    if not catalog.models:
        output.note("No models yet. Try: rbee models download demo:stories")


def print_entry(entry: ModelEntry, *, as_json: bool) -> None:
    """Everything known of one model."""
    if as_json:
        output.print_json(entry.wire())
        return
    table = output.table("field", "value")
    for key, value in entry.wire().items():
        if key in ("files", "metadata"):
            continue
        table.add_row(key, _plain(human_size(value) if key == "size" else _flat(value)))
    for key, value in entry.metadata.items():
        table.add_row(f"metadata.{key}", _plain(_flat(value)))
    for file in entry.files:
        table.add_row("file", _plain(f"{file.name}  {human_size(file.size)}  {file.digest or ''}"))
    output.console().print(table)


def print_resolution(resolution: Resolution, *, as_json: bool) -> None:
    """What a reference leads to."""
    shown = resolution.wire()
    if as_json:
        output.print_json(shown)
        return
    size = f", {human_size(shown['size'])}" if shown["size"] is not None else ""
    revision = f" at {shown['revision']}" if shown["revision"] else ""
    output.console().print(f"{shown['ref']}{revision} from {shown['dist']}{size}", markup=False)
    if shown["files"] is None:
        output.note("The vendor cannot list the files beforehand.")
        return
    table = output.table("file", "size", "digest")
    for file in shown["files"]:
        table.add_row(_plain(file["name"]), human_size(file["size"]), file["digest"] or "-")
    output.console().print(table)


def _name(entry: ModelEntry) -> str:
    marks = []
    if entry.lifecycle is LifecycleState.RETIRED:
        marks.append("retired")
    if entry.pinned:
        marks.append("pinned")
    return f"{entry.name} ({', '.join(marks)})" if marks else entry.name


def _downloaded(entry: ModelEntry) -> str:
    if entry.downloaded:
        return "[green]✅[/]"
    return "[red]❌ failed[/]" if entry.status is ArtifactStatus.FAILED else "[red]❌[/]"


def _flat(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return str(value)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
