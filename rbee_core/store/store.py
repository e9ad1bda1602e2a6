"""The model store: verified files go in here, and only here become visible (design §5)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..contracts.common import Digest
from ..contracts.model import ModelEntry, ModelFile
from ..errors import ErrorCode, RbeeError
from .atomic import disk_errors
from .blobs import Blobs
from .catalog import FsCatalog, OnProblem
from .catalog_store import CatalogStore
from .links import remove_tree
from .locks import OnWait, lock
from .names import escape_id
from .publish import Publisher
from .quarantine import quarantine
from .wanted import wanted_digests, wanting

if TYPE_CHECKING:
    from ..config import Config
    from ..jobs import Job


@dataclass(frozen=True, slots=True)
class Removed:
    """What `Store.remove` did: the entry that was taken out, if there was one, and the bytes that became free."""

    entry: ModelEntry | None
    freed: int


class Store:
    """One folder with blobs, models, partial downloads, locks and the catalog.

    Making one costs nothing and makes nothing, but puts right what a killed process left half-done. Nothing in it ever
    reaches outside its root.

    :param config: ``config.models_dir`` is the root; made when something is written.
    :param catalog: another place for the catalog than ``catalog.json``.
    :param recover: put right at once what a killed process left; `gc.Collector` tells of it.
    :param on_problem: told what was wrong and could be helped; by default the log ``rbee.store``.
    """

    def __init__(
        self,
        config: Config,
        *,
        catalog: CatalogStore | None = None,
        on_problem: OnProblem | None = None,
        recover: bool = True,
    ) -> None:
        self.root = Path(os.path.abspath(config.models_dir))  # noqa: PTH100 — normalises, and does not follow links
        self.catalog: CatalogStore = catalog or FsCatalog(self.root, on_problem)
        self.blobs = Blobs(self.root)
        self._publisher = Publisher(self.root, self.blobs)
        if recover:
            self._publisher.recover()

    def folder(self, entry_id: str) -> Path:
        """Where a model's files are once it is published: ``models/<escaped id>``."""
        return self._publisher.folder(entry_id)

    def lock(
        self, name: str, *, job: Job | None = None, doing: str = "", on_wait: OnWait | None = None
    ) -> AbstractContextManager[None]:
        """A lock between all processes that use this store; see `locks.lock`."""
        return lock(self.root / "locks", name, doing=doing, job=job, on_wait=on_wait)

    # --- partial downloads ------------------------------------------------------------------------------------------

    def partial_dir(self, entry_id: str) -> Path:
        """The folder where a model's download grows; made, and kept between attempts."""
        path = self.root / "partial" / escape_id(entry_id)
        with disk_errors(str(path)):
            path.mkdir(parents=True, exist_ok=True)
        return path

    def drop_partial(self, entry_id: str) -> int:
        """Delete what there is of a model's download; the bytes that became free."""
        path = self.root / "partial" / escape_id(entry_id)
        return remove_tree(path) if os.path.lexists(path) else 0

    # --- models -----------------------------------------------------------------------------------------------------

    def has_blob(self, digest: Digest | str) -> Path | None:
        """The verified file with that sha256, if the store has it.

        A blob that somebody may have written to is hashed again; if it no longer is what its name says, it is taken
        out of the blobs and ``None`` returned. ``None`` also for a digest of another algorithm.
        """
        known = Digest(digest)
        return self.blobs.find(known) if known.algorithm == "sha256" else None

    def publish(self, entry_id: str, staging: Path, files: Sequence[ModelFile]) -> Path:
        """Make verified files a model: all of them at once, in place of what the model was before.

        Files are moved out of ``staging``; one that is not there is taken from the blobs by its digest.

        :param staging: on the store's own file system, as `partial_dir` is.
        :param files: with the digests their bytes were verified to have; one without is hashed here.
        :returns: the model's folder, ``models/<escaped id>``.
        :raises RbeeError: ``UNSAFE_PATH``: a name or file that cannot be published; ``INSUFFICIENT_DISK``;
            ``DOWNLOAD_FAILED``: a file is nowhere; ``CHECKSUM_MISMATCH``: one has not the size it was said to have.
            The model is then what it was before.
        """
        with disk_errors(entry_id), self._exclusive(f"publishing {entry_id}"):
            return self._publisher.publish(entry_id, staging, files)

    def remove(self, entry_id: str) -> Removed:
        """Take a model out of the catalog, then delete its files as well as it goes.

        Files outside the store are never touched, nor are blobs that another model uses.

        :raises RbeeError: ``CATALOG_CORRUPT``; ``INSUFFICIENT_DISK``: even without the files the catalog has no room.
        """
        entry = self.catalog.get(entry_id)
        try:
            self.catalog.delete(entry_id)
        except RbeeError as error:
            if error.code is not ErrorCode.INSUFFICIENT_DISK:
                raise
            # Not a byte is left to write the catalog with, and this is how a person frees some: the files go first.
            freed = self._remove_files(entry_id, entry)
            self.catalog.delete(entry_id)
            return Removed(entry, freed)
        return Removed(entry, self._remove_files(entry_id, entry) if self.root.is_dir() else 0)

    def _remove_files(self, entry_id: str, entry: ModelEntry | None) -> int:
        """Delete a model's folder, its blobs that no other entry uses, and its partial download; the bytes freed."""
        with self._exclusive(f"removing {entry_id}"):
            others = [other for other in self.catalog.list() if other.id != entry_id]
            freed = self._publisher.remove(entry_id, entry, others)
            used = {file.digest for other in others for file in other.files} | wanted_digests(self.root / "locks")
            for file in entry.files if entry else []:
                if file.digest and file.digest.algorithm == "sha256" and file.digest not in used:
                    freed += self.blobs.drop(file.digest)
        return freed + self.drop_partial(entry_id)

    # --- keeping house ----------------------------------------------------------------------------------------------

    def wanting(self, entry_id: str, digests: Iterable[Digest]) -> AbstractContextManager[None]:
        """Keep blobs that are there from being deleted while they are about to be used; see `wanted.wanting`."""
        return wanting(self.root / "locks", entry_id, digests)

    def quarantine(self, digest: Digest, seen: os.stat_result) -> Path | None:
        """Take a blob out of use whose bytes were found to be wrong; see `quarantine.quarantine`."""
        with disk_errors(str(digest)), self._exclusive(f"putting {digest} into quarantine"):
            return quarantine(self.root, self.blobs, digest, seen)

    def restore_interrupted(self) -> None:
        """Put back each model whose replacement was interrupted. The caller holds the store's lock."""
        self._publisher.restore()

    def _exclusive(self, doing: str) -> AbstractContextManager[None]:
        return self.lock("store", doing=doing)
