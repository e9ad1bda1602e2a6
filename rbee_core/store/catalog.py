"""The catalog kept in ``catalog.json``."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contracts.common import LifecycleState
from ..contracts.model import ModelEntry
from ..errors import ErrorCode, RbeeError
from . import rescue
from .atomic import disk_errors, write_atomic
from .catalog_file import (
    BACKUP,
    NAME,
    VERSION,
    BrokenCatalogError,
    Catalog,
    Change,
    Document,
    entries,
    no_collection,
    parse,
    refuse_version,
    timestamp,
    to_document,
    to_entry,
    to_raw,
)
from .catalog_store import Entries
from .locks import lock
from .migrate import migrate
from .names import check_id
from .splice import splice
from .stamp import Stamp

if TYPE_CHECKING:
    from ..refs import ModelRef

OnProblem = Callable[[str], None]


class FsCatalog:
    """``catalog.json`` under the store's root (design §5): readable, crash-safe, shared by any number of processes.

    Reading takes no lock: the file is only ever replaced as a whole. Writing is lock → read → change → temporary file →
    fsync → rename, the backup first written and then renamed likewise.

    :param root: the store's root; made when something is written.
    :param on_problem: told a sentence when something was wrong and could be helped (a broken file replaced by its
        backup, a broken entry skipped, an old version migrated); by default the log ``rbee.store``.
    """

    def __init__(self, root: Path, on_problem: OnProblem | None = None) -> None:
        self.root = Path(os.path.abspath(root))  # noqa: PTH100 — normalises, and does not follow links
        self.file = self.root / NAME
        self.backup = self.root / BACKUP
        self._stamp = Stamp(self.root / "locks" / "catalog.stamp")
        self.on_problem = on_problem or logging.getLogger("rbee.store").warning

    # --- reading ----------------------------------------------------------------------------------------------------

    def load(self) -> Catalog:
        """Everything; broken entries are told to ``on_problem`` and left out.

        :raises RbeeError: ``CATALOG_CORRUPT``: of a newer version, or broken and so is its backup.
        """
        document = self._read()
        with no_collection():
            items = list(entries(document, self.root))
        models = [item for item in items if not isinstance(item, str)]
        problems = [item for item in items if isinstance(item, str)]
        for problem in problems:
            self.on_problem(problem)
        if document.rescued:
            problems.insert(0, document.rescued)
        models.sort(key=lambda entry: entry.id)
        return Catalog(document.version, document.pool_id, document.updated_at, models, problems)

    def list(self) -> Entries:
        """All valid entries, sorted by id."""
        return self.load().models

    def get(self, entry_id: str) -> ModelEntry | None:
        """The entry of that id; ``None`` also when the file's entry is broken (``on_problem`` is told)."""
        document = self._read()
        index = document.find(entry_id)
        return None if index is None else self._entry(document.models[index])

    def exists(self, key: str | ModelRef) -> bool:
        """Whether there is an entry with that id, or whose source is that reference in its canonical form."""
        return self._by_key(str(key)) is not None

    def locate(self, key: str | ModelRef) -> Path | None:
        """What an engine loads for that id or canonical reference; ``None`` unless it is downloaded and there."""
        entry = self._by_key(str(key))
        if entry is None or not entry.downloaded or not entry.path:
            return None
        path = Path(entry.path)
        return path if path.exists() else None

    def _by_key(self, key: str) -> ModelEntry | None:
        document = self._read()
        index = document.find(key)
        if index is not None:
            return self._entry(document.models[index])
        found = [raw for raw in document.models if isinstance(raw, dict) and raw.get("source") == key]
        same = [entry for entry in map(self._entry, found) if entry is not None]
        # The same model may stand under several ids; one that is here serves.
        return next((entry for entry in same if entry.downloaded), same[0] if same else None)

    def _entry(self, raw: Any) -> ModelEntry | None:
        try:
            return to_entry(raw, self.root)
        except ValueError as error:
            self.on_problem(f"The catalog's entry {raw.get('id')!r} is skipped: {error}")
            return None

    # --- writing ----------------------------------------------------------------------------------------------------

    def put(self, entry: ModelEntry) -> None:
        """Add an entry, in place of the one of the same id if there is one.

        :raises RbeeError: ``INVALID_REF``: not an id; ``UNSAFE_PATH``: its relative path leaves the store;
            ``INSUFFICIENT_DISK``; ``CATALOG_CORRUPT``.
        """
        raw = self._raw(entry)
        self._change(entry.id, lambda old: raw, f"adding {entry.id}")

    def add(self, entry: ModelEntry) -> None:
        """As `put`, but only if there is no such id yet.

        :raises RbeeError: ``MODEL_EXISTS`` besides.
        """
        raw = self._raw(entry)

        def put_new(old: dict[str, Any] | None) -> dict[str, Any]:
            if old is not None:
                raise RbeeError(
                    ErrorCode.MODEL_EXISTS, f"{entry.id!r} is in the catalog already.", f"rbee models show {entry.id}"
                )
            return raw

        self._change(entry.id, put_new, f"adding {entry.id}")

    def update(self, entry_id: str, change: Callable[[ModelEntry], ModelEntry]) -> ModelEntry:
        """Change one entry under the lock, so that nobody else's change is lost.

        :param change: given the entry as it is now, returns it as it shall be; quick, and it must not use the catalog.
        :raises RbeeError: ``MODEL_NOT_FOUND``, and as `put`.
        """
        changed: list[ModelEntry] = []

        def apply(old: dict[str, Any] | None) -> dict[str, Any]:
            entry = None if old is None else self._entry(old)
            if entry is None:
                raise RbeeError(
                    ErrorCode.MODEL_NOT_FOUND,
                    f"{entry_id!r} is not in the catalog.",
                    "See what is there: rbee models catalog",
                )
            changed.append(change(entry))
            if changed[0].id != entry_id:
                raise ValueError(f"an update cannot change the id {entry_id!r}")
            return self._raw(changed[0])

        self._change(entry_id, apply, f"updating {entry_id}")
        return changed[0]

    def set_state(self, entry_id: str, state: LifecycleState) -> None:
        """Retire or activate a model.

        :raises RbeeError: ``MODEL_NOT_FOUND``.
        """
        state = LifecycleState(state)
        self.update(entry_id, lambda entry: entry.model_copy(update={"lifecycle": state}))

    def delete(self, entry_id: str) -> bool:
        """Take an entry out of the index; its files stay (`Store.remove` takes both). Whether there was one."""
        if self._read().find(entry_id) is None:
            return False
        found: list[bool] = []
        self._change(entry_id, lambda old: found.append(old is not None), f"removing {entry_id}")
        return found[0]

    def _raw(self, entry: ModelEntry) -> dict[str, Any]:
        check_id(entry.id)
        try:
            return to_raw(entry, self.root)
        except ValueError as error:
            raise RbeeError(ErrorCode.UNSAFE_PATH, f"{entry.id} cannot be in the catalog: {error}") from None

    def _change(self, entry_id: str, change: Change, doing: str) -> None:
        with disk_errors(str(self.file)), self._lock(doing):
            now = timestamp()
            mine = self._stamp.written_by_us(self.file, self.backup)
            data = None if mine is None else splice(mine, entry_id, change, now)
            if data is None:
                document = self._settle()
                document.change(entry_id, change)
                document.updated_at = now
                data = document.encode()
            self._write(data)

    # --- the file ---------------------------------------------------------------------------------------------------

    def _lock(self, doing: str) -> Any:
        return lock(self.root / "locks", "catalog", doing=doing)

    def _read(self) -> Document:
        """The catalog as it is; a version 1.0 or broken one is put right first, if the folder can be written."""
        try:
            return self._parse(self._bytes())
        except (_NeedsMigration, BrokenCatalogError):
            pass
        try:
            with disk_errors(str(self.file)), self._lock("repairing the catalog"):
                return self._settle()
        except (OSError, RbeeError) as error:
            if isinstance(error, RbeeError) and error.code not in _UNWRITABLE:
                raise
            return self._settle(write=False)

    def _settle(self, *, write: bool = True) -> Document:
        """The catalog as it is, and the file put right where it was not; the lock is held (unless ``write`` is off)."""
        try:
            data = self._bytes()
            return self._parse(data)
        except _NeedsMigration as old:
            document = migrate(old.found, self.root)
            if write:
                kept = rescue.keep_original(self.file, data)
                document.updated_at = timestamp()
                self._write(document.encode())
                self.on_problem(f"{self.file} was of version 1.0 and has been migrated; the original is {kept.name}.")
            return document
        except BrokenCatalogError as error:
            return self._rescue(error, write=write)

    def _rescue(self, error: BrokenCatalogError, *, write: bool) -> Document:
        """Read the backup in place of a broken (or vanished) file, which is kept beside."""
        try:
            document = self._parse(self.backup.read_bytes())
        except (OSError, BrokenCatalogError, _NeedsMigration, RbeeError) as second:
            raise rescue.hopeless(self.file, self.backup, str(error), second) from None
        if not write:
            document.rescued = f"{self.file} {error}; its backup from {document.updated_at} is used."
            self.on_problem(document.rescued)
            return document
        kept = rescue.set_aside(self.file)
        write_atomic(self.file, document.encode())
        beside = f"; the broken file is kept as {kept.name}" if kept else ""
        document.rescued = f"{self.file} {error}; its backup from {document.updated_at} was put back{beside}."
        self.on_problem(document.rescued)
        return document

    def _bytes(self) -> bytes | None:
        """The file's bytes; ``None`` where there has been no catalog yet.

        :raises BrokenCatalogError: there is none, but a backup.
        """
        try:
            return self.file.read_bytes()
        except FileNotFoundError:
            if self.backup.exists() and not self.file.exists():
                raise BrokenCatalogError("has vanished") from None
            return None
        except OSError as error:
            raise RbeeError(
                ErrorCode.CATALOG_CORRUPT,
                f"{self.file} cannot be read: {error.strerror or error}.",
                "Check that it is a file and that you may read it.",
            ) from None

    def _parse(self, data: bytes | None) -> Document:
        if data is None:
            return Document(updated_at=timestamp())
        found = parse(data)
        version = str(found["version"])
        if version == VERSION:
            return to_document(found)
        if version == "1.0":
            to_document(found)
            raise _NeedsMigration(found)
        raise refuse_version(self.file, found["version"])

    def _write(self, data: bytes) -> None:
        """Write the file and its backup. The lock is held."""
        rescue.write_with_backup(self.file, self.backup, data)
        self._stamp.note(self.file)


class _NeedsMigration(Exception):  # noqa: N818 — not an error, but the other way that parsing ends
    """The file is of version 1.0."""

    def __init__(self, found: dict[str, Any]) -> None:
        super().__init__()
        self.found = found


_UNWRITABLE = {ErrorCode.UNSAFE_PATH, ErrorCode.INSUFFICIENT_DISK}
