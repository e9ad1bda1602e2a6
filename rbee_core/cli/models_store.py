"""``rbee models gc`` and ``rbee models import``: what the store can do without, and what it can take over."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..units import human_size, parse_size
from . import complete, output
from .narrate import narrated_job
from .options import Json, download_options, facade

if TYPE_CHECKING:
    from ..models.importing import Imported
    from ..models.quota import Eviction
    from ..store.gc import Collected

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


def gc(
    partials_older_than: Annotated[
        str, typer.Option(metavar="AGE", help="Stale downloads: 7d, 12h, 30m; 0 takes all that are not in progress.")
    ] = "7d",
    orphans: Annotated[
        bool, typer.Option("--orphans", help="Also delete folders under models/ that no entry of the catalog owns.")
    ] = False,
    quota: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Then evict the least recently used models, down to e.g. 200G.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Free space: blobs that no model uses, stale downloads, leftovers. No model is touched, but for --quota."""
    age, limit = _age(partials_older_than), _size(quota)
    with narrated_job(json=as_json) as job:
        collected, evictions = facade().collect_garbage(
            job, partials_older_than=age, orphans=orphans, quota=limit, dry_run=dry_run
        )
    if as_json:
        evicted = [eviction.wire() for eviction in evictions]
        output.print_json({**collected.wire(), "evicted": evicted, "dryRun": dry_run})
        return
    _show_collected(collected, evictions, dry_run=dry_run)


def import_models(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="hf, ollama or lmstudio for where those keep their models; or the path of a cache, folder or file.",
            autocompletion=complete.import_sources,
        ),
    ],
    dry_run: DryRun = False,
    copy: Annotated[bool, typer.Option("--copy", help="Copy the files instead of linking them.")] = False,
    as_json: Json = False,
) -> None:
    """Take over models that other tools have downloaded, verified and without copying. Their files stay as they are."""
    with narrated_job(download_options(copy=copy), json=as_json) as job:
        outcomes = facade().import_models(source, job, dry_run=dry_run)
    if as_json:
        output.print_json({"models": [outcome.wire() for outcome in outcomes]})
        return
    _show_imported(outcomes)


def _show_collected(collected: Collected, evictions: Sequence[Eviction], *, dry_run: bool) -> None:
    verb = "Would remove" if dry_run else "Removed"
    table = output.table("kind", "size", "what", "why")
    for garbage in collected.removed:
        table.add_row(garbage.kind, human_size(garbage.size), _plain(str(garbage.path)), _plain(garbage.reason))
    for eviction in evictions:
        table.add_row("model", human_size(eviction.size), _plain(eviction.id), _plain(eviction.reason))
    if table.row_count:
        output.console().print(table)
    freed = collected.freed + sum(eviction.size for eviction in evictions)
    things = table.row_count
    output.note(f"{verb} {things} thing{'' if things == 1 else 's'}; {human_size(freed)} {_freed(dry_run)}.")
    for garbage in collected.kept:
        output.note(f"Left alone: {garbage.path} ({human_size(garbage.size)}): {garbage.reason}. --orphans deletes it.")


def _freed(dry_run: bool) -> str:
    return "would be freed" if dry_run else "freed"


def _show_imported(outcomes: Sequence[Imported]) -> None:
    table = output.table("id", "size", "files", "outcome", "reason")
    for one in outcomes:
        files = str(len(one.found.files)) if one.found.files else "-"
        table.add_row(_plain(one.found.id), human_size(one.found.size), files, one.outcome, _plain(one.reason))
    output.console().print(table)


def _age(text: str) -> float:
    """Seconds, from a number with s, m, h, d or w after it; days without.

    :raises UsageError: it is none.
    """
    match = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)\s*([smhdw]?)", text.strip().lower())
    if match is None:
        raise UsageError(f"--partials-older-than: {text!r} is no age", "Write 7d, 12h, 30m, or 0.")
    return float(match[1]) * _UNITS[match[2] or "d"]


def _size(text: str | None) -> int | None:
    try:
        return None if text is None else parse_size(text)
    except ValueError as error:
        raise UsageError(f"--quota: {error}") from None


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
