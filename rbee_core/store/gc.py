"""Garbage collection: what the store holds and nobody needs.

In order: folders under ``models/`` that no entry owns (only reported, unless asked for), leftovers of killed processes,
blobs that neither an entry, a folder nor a download in progress uses, downloads that nobody goes on with. Everything is
deleted under the locks of those who could be using it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..contracts.common import Digest
from ..errors import ErrorCode, RbeeError
from .blobs import is_sealed
from .links import remove_tree
from .locks import lock
from .names import escape_id, unescape_id
from .usage import FileId, plain_files, size_of, sizes
from .wanted import model_lock, stale_wishes, wanted_digests

if TYPE_CHECKING:
    from ..contracts.model import ModelEntry
    from .store import Store

Kind = Literal["blob", "partial", "leftover", "orphan"]
#: Seconds after which a download that nobody goes on with is stale.
STALE_AFTER = 7 * 86_400.0
#: The same where it cannot be told whose the folder is, so that no lock can be asked.
_SURELY_STALE = 86_400.0
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Garbage:
    """One thing that is not needed: where, its bytes, and why."""

    kind: Kind
    path: Path
    size: int
    reason: str

    def wire(self) -> dict[str, Any]:
        """A row of ``models gc --json``."""
        return {"kind": self.kind, "path": str(self.path), "size": self.size, "reason": self.reason}


@dataclass(slots=True)
class Collected:
    """What was (or, in a dry run, would be) deleted, the bytes that this frees, and the orphans that were left."""

    removed: list[Garbage] = field(default_factory=list)
    freed: int = 0
    kept: list[Garbage] = field(default_factory=list)

    def wire(self) -> dict[str, Any]:
        """The shape ``models gc --json`` prints."""
        return {
            "removed": [garbage.wire() for garbage in self.removed],
            "freed": self.freed,
            "kept": [garbage.wire() for garbage in self.kept],
        }


@dataclass(slots=True)
class _Links:
    """Tells what is freed by deleting names, the last name of a file frees its bytes; for dry runs."""

    gone: dict[FileId, int] = field(default_factory=dict)

    def drop(self, path: Path) -> int:
        freed = 0
        for _, status in plain_files(path):
            key = (status.st_dev, status.st_ino)
            self.gone[key] = self.gone.get(key, 0) + 1
            freed += status.st_size if self.gone[key] == status.st_nlink else 0
        return freed


class Collector:
    """One collection.

    :param partials_older_than: seconds since a download's last byte; 0 takes all that are not in progress.
    :param orphans: delete folders under ``models/`` that no entry owns, too.
    :param check: called now and then; raises when the job is cancelled.
    """

    def __init__(
        self,
        store: Store,
        *,
        partials_older_than: float = STALE_AFTER,
        orphans: bool = False,
        dry_run: bool = False,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._locks = store.root / "locks"
        self._age = partials_older_than
        self._orphans = orphans
        self._dry = dry_run
        self._check = check
        self._links = _Links()
        self._result = Collected()

    def collect(self) -> Collected:
        """Do it.

        :raises RbeeError: ``CATALOG_CORRUPT``: the catalog, or an entry of it, cannot be read; nothing is deleted then.
        """
        if not self._store.root.is_dir():
            return self._result
        with self._store.lock("store", doing="collecting garbage"):
            entries = self._entries()
            self._collect_leftovers()
            self._collect_orphans(entries)
            self._collect_blobs(entries)
        self._collect_partials(entries)
        return self._result

    def _entries(self) -> list[ModelEntry]:
        catalog = self._store.catalog.load()
        if catalog.problems:
            raise RbeeError(
                ErrorCode.CATALOG_CORRUPT,
                f"Nothing was deleted, because the catalog is not whole: {catalog.problems[0]}",
                "Mend or remove that entry (see `rbee models catalog`), then run `rbee models gc` again.",
            )
        return catalog.models

    # --- leftovers --------------------------------------------------------------------------------------------------

    def _collect_leftovers(self) -> None:
        temp = self._store.root / "models" / ".tmp"
        if not self._dry:
            self._store.restore_interrupted()
        for path in sorted(temp.iterdir()) if temp.is_dir() else ():
            if path.name.startswith("old-") and not (self._store.root / "models" / path.name[4:]).exists():
                continue  # comes back by itself
            self._drop("leftover", path, "of a process that was killed while it published or deleted a model")
        for path in stale_wishes(self._locks):
            self._drop("leftover", path, "of a download that was killed")
        if not self._dry and temp.is_dir() and not any(temp.iterdir()):
            temp.rmdir()

    # --- folders that no entry owns ---------------------------------------------------------------------------------

    def _collect_orphans(self, entries: list[ModelEntry]) -> None:
        models = self._store.root / "models"
        owned = {escape_id(entry.id) for entry in entries}
        used = {Path(entry.path) for entry in entries if entry.path}
        for path in sorted(models.iterdir()) if models.is_dir() else ():
            if path.name == ".tmp" or path.name in owned or any(one.is_relative_to(path) for one in used):
                continue
            reason = "no entry of the catalog owns it"
            with self._unused(path, entries) as free:
                if not free:
                    continue
                if self._orphans:
                    self._drop("orphan", path, reason)
                else:
                    self._result.kept.append(Garbage("orphan", path, size_of(path), reason))

    # --- blobs ------------------------------------------------------------------------------------------------------

    def _collect_blobs(self, entries: list[ModelEntry]) -> None:
        folder = self._store.blobs.folder
        used = {file.digest for entry in entries for file in entry.files if file.digest}
        used |= {entry.digest for entry in entries if entry.digest}
        used |= wanted_digests(self._locks)
        gone = {item.path for item in self._result.removed}
        models = self._store.root / "models"
        folders = models.iterdir() if models.is_dir() else ()
        linked = sizes(path for path in folders if path not in gone and path.name != ".tmp")
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            self._check()
            if len(path.name) != 64 or not _HEX.issuperset(path.name) or path.is_dir():
                continue
            status = path.lstat()
            if Digest(f"sha256:{path.name}") in used or (status.st_dev, status.st_ino) in linked:
                continue
            shared = status.st_nlink > 1 and not is_sealed(status)
            more = "; your own file elsewhere stays" if shared else ""
            self._drop("blob", path, f"no model uses it{more}")

    # --- downloads --------------------------------------------------------------------------------------------------

    def _collect_partials(self, entries: list[ModelEntry]) -> None:
        partial = self._store.root / "partial"
        for path in sorted(partial.iterdir()) if partial.is_dir() else ():
            self._check()
            with self._unused(path, entries) as free:
                idle = time.time() - _last_touched(path)
                if free and idle >= self._age:
                    self._drop("partial", path, f"a download that nobody has gone on with for {_days(idle)}")

    @contextmanager
    def _unused(self, path: Path, entries: list[ModelEntry]) -> Iterator[bool]:
        """Whether nobody brings the model whose folder this is; while this lasts nobody begins to."""
        owner = unescape_id(path.name) or next((e.id for e in entries if escape_id(e.id) == path.name), None)
        if owner is None:
            yield time.time() - _last_touched(path) >= _SURELY_STALE
            return
        with ExitStack() as stack:
            try:
                stack.enter_context(lock(self._locks, model_lock(owner), doing="collecting garbage", timeout=0))
                free = True
            except (TimeoutError, RuntimeError):
                free = False
            yield free

    def _drop(self, kind: Kind, path: Path, reason: str) -> None:
        garbage = Garbage(kind, path, size_of(path), reason)
        self._result.freed += self._links.drop(path) if self._dry else remove_tree(path)
        if self._dry or not path.exists():
            self._result.removed.append(garbage)


def _last_touched(path: Path) -> float:
    """When something was last written at or below a path, in seconds since the epoch."""
    try:
        times = [path.lstat().st_mtime]
    except OSError:
        return time.time()
    return max(times + [status.st_mtime for _, status in plain_files(path)])


def _days(seconds: float) -> str:
    days = int(seconds // 86_400)
    return "less than a day" if days < 1 else f"{days} day{'s' if days != 1 else ''}"
