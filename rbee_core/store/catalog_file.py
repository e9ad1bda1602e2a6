"""``catalog.json`` as bytes and as raw data: what is a catalog, what is broken, and what belongs to a newer rbee.

Entries stay the plain dictionaries they are in the file until somebody asks for one, so that ten thousand of them are
read and written in a few hundredths of a second, and what this version does not know of them is never lost.
"""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..contracts.model import ModelEntry
from ..errors import ErrorCode, RbeeError

VERSION = "2.0"
NAME = "catalog.json"
BACKUP = "catalog.json.bak"

#: Given an entry as it is in the file, or ``None``, says what is to be there instead; ``None`` for nothing.
Change = Callable[[dict[str, Any] | None], dict[str, Any] | None]


class BrokenCatalogError(ValueError):
    """The bytes are not a catalog; the message says why, in words that follow "it"."""


@dataclass(slots=True)
class Document:
    """A catalog's raw content.

    ``models`` are the entries as they are in the file, good or not; ``extra`` the top-level keys nobody here knows;
    ``rescued`` a sentence, if it was read from the backup because the file itself was broken.
    """

    pool_id: str = field(default_factory=socket.gethostname)
    updated_at: str = ""
    models: list[Any] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    version: str = VERSION
    rescued: str = ""

    def find(self, entry_id: str) -> int | None:
        """Where the entry of that id is."""
        for index, raw in enumerate(self.models):
            if isinstance(raw, dict) and raw.get("id") == entry_id:
                return index
        return None

    def change(self, entry_id: str, change: Change) -> None:
        """Change, add or take out the entry of that id; what it becomes replaces all there are of that id."""
        index = self.find(entry_id)
        new = change(None if index is None else self.models[index])
        self.models = [raw for raw in self.models if not (isinstance(raw, dict) and raw.get("id") == entry_id)]
        if new is not None:
            self.models.append(new)

    def encode(self) -> bytes:
        """The file's bytes, sorted by id, each entry's id first.

        :raises RbeeError: ``CATALOG_CORRUPT``: an entry holds what JSON cannot.
        """
        self.models = [_id_first(raw) for raw in self.models]
        self.models.sort(key=_order)
        whole = {
            "version": self.version,
            "pool_id": self.pool_id,
            "updated_at": self.updated_at,
            "models": self.models,
        }
        return to_text(whole | self.extra) + b"\n"


def to_text(value: Any) -> bytes:
    """JSON for people to read, fast (the standard library's takes 20 times as long when it indents).

    :raises RbeeError: ``CATALOG_CORRUPT``: the value holds what JSON cannot.
    """
    from pydantic_core import PydanticSerializationError, to_json

    try:
        return to_json(value, indent=2, inf_nan_mode="constants")
    except PydanticSerializationError as error:
        raise RbeeError(ErrorCode.CATALOG_CORRUPT, f"The entry cannot be written as JSON: {error}") from None


def _id_first(raw: Any) -> Any:
    if isinstance(raw, dict) and "id" in raw and next(iter(raw)) != "id":
        return {"id": raw["id"]} | raw
    return raw


def _order(raw: Any) -> tuple[bool, str]:
    entry_id = raw.get("id") if isinstance(raw, dict) else None
    return (False, entry_id) if isinstance(entry_id, str) else (True, "")


@dataclass(slots=True)
class Catalog:
    """A catalog as `FsCatalog.load` gives it: valid entries sorted by id, and a sentence for all that was wrong."""

    version: str
    pool_id: str
    updated_at: str
    models: list[ModelEntry]
    problems: list[str] = field(default_factory=list)


def timestamp() -> str:
    """Now, as the catalog writes it (RFC 3339, UTC)."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(data: bytes) -> dict[str, Any]:
    """The JSON object a catalog is.

    :raises BrokenCatalogError: it is none, or has no version or no list of models.
    """
    from pydantic_core import from_json

    if not data.strip(b"\0 \t\r\n"):
        raise BrokenCatalogError("is empty")
    try:
        with no_collection():
            found = from_json(data.removeprefix(b"\xef\xbb\xbf"), cache_strings="keys")
    except ValueError as error:
        raise BrokenCatalogError(f"is not JSON ({str(error)[:120]})") from None
    if not isinstance(found, dict) or not isinstance(found.get("version"), str | int | float):
        raise BrokenCatalogError("is not a catalog: it has no version")
    return found


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep Python from looking for garbage while nothing but keepers are made; it takes as long as making them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def to_document(found: dict[str, Any]) -> Document:
    """Read a version 2.0 catalog.

    :raises BrokenCatalogError: a part of it has the wrong type.
    """
    known = {"version", "pool_id", "updated_at", "models"}
    models, pool_id, updated_at = found.get("models"), found.get("pool_id"), found.get("updated_at", "")
    if not isinstance(models, list):
        raise BrokenCatalogError("is not a catalog: its models are not a list")
    if not isinstance(pool_id, str | None) or not isinstance(updated_at, str):
        raise BrokenCatalogError("is not a catalog: pool_id and updated_at are not text")
    extra = {key: value for key, value in found.items() if key not in known}
    return Document(pool_id or socket.gethostname(), updated_at, models, extra)


def refuse_version(path: Path, version: Any) -> RbeeError:
    """The error for a catalog this version must not touch."""
    return RbeeError(
        ErrorCode.CATALOG_CORRUPT,
        f"{path} has version {str(version)[:40]!r}; this rbee reads 1.0 and {VERSION}. It was left as it is.",
        "Update rbee (pip install -U rbee-core), or set RBEE_MODELS_DIR to another folder.",
    )


# --- entries --------------------------------------------------------------------------------------------------------


def entries(document: Document, root: Path) -> Iterator[ModelEntry | str]:
    """Each entry, or a sentence about why it is none, in the file's order."""
    seen = set()
    for index, raw in enumerate(document.models):
        try:
            entry = to_entry(raw, root)
        except ValueError as error:
            named = repr(raw.get("id"))[:80] if isinstance(raw, dict) else f"number {index + 1}"
            yield f"The catalog's entry {named} is skipped: {error}"
            continue
        if entry.id in seen:
            yield f"The catalog has two entries {entry.id!r}; the first one counts."
            continue
        seen.add(entry.id)
        yield entry


def to_entry(raw: Any, root: Path) -> ModelEntry:
    """An entry from the file, with its path made absolute.

    :raises ValueError: it is not one, or its relative path leaves the root.
    """
    from pydantic import ValidationError

    try:
        entry = ModelEntry.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{where}: {first['msg']}" if where else first["msg"]) from None
    if entry.path:
        absolute = absolute_path(entry.path, root)
        if absolute != entry.path:
            # Not through validation: a str is a str, and ten thousand of these count.
            entry.__dict__["path"] = absolute
    return entry


def to_raw(entry: ModelEntry, root: Path) -> dict[str, Any]:
    """An entry as the file holds it: snake_case, its path relative to the root where it lies under it.

    :raises ValueError: its relative path leaves the root.
    """
    raw = entry.disk()
    if entry.path:
        raw["path"] = stored_path(absolute_path(entry.path, root), root)
    return raw


def absolute_path(text: str, root: Path) -> str:
    """A path of the file made absolute and normalised; relative ones are the root's and stay under it.

    :raises ValueError: NUL in it, or it leaves the root.
    """
    if "\0" in text:
        raise ValueError("its path holds a NUL")
    if os.path.isabs(text):  # noqa: PTH117 — text all the way: ten thousand of these count
        return os.path.normpath(text)
    joined = os.path.normpath(f"{root}/{text}")
    if not joined.startswith(f"{os.path.normpath(root)}{os.sep}"):
        raise ValueError(f"its path {text!r} leaves the store")
    return joined


def stored_path(absolute: str, root: Path) -> str:
    """A path as the file holds it: with ``/``, relative to the root if it lies under it, else absolute."""
    prefix = os.path.normpath(root).rstrip(os.sep) + os.sep
    if absolute.startswith(prefix):
        return absolute[len(prefix) :].replace(os.sep, "/")
    return absolute
