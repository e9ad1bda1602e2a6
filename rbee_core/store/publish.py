"""Making and unmaking the folders under ``models/``, so that a crash leaves the old one or the new one.

Work in progress is in ``models/.tmp`` (no escaped id begins with a dot): ``new-…`` is being built, ``old-<name>`` was
moved away to let its successor in, ``trash-…`` is being deleted. `Publisher.recover` tidies up after a killed process.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..contracts.model import ModelEntry, ModelFile
from ..errors import ErrorCode, RbeeError
from .atomic import sync_dir
from .blobs import Blobs, hash_of
from .links import remove_tree, share
from .locks import lock
from .names import check_names, escape_id, safe_join

#: The store's own names in its root; an entry's path never makes `Publisher.remove` touch them.
_OWN = {"blobs", "models", "partial", "locks", "quarantine"}


class Publisher:
    """The ``models`` folder of one store. All but `folder` and `recover` need the store's lock."""

    def __init__(self, root: Path, blobs: Blobs) -> None:
        self.root = root
        self.blobs = blobs
        self.models = root / "models"
        self.temp = self.models / ".tmp"

    def folder(self, entry_id: str) -> Path:
        """Where that model is, or would be."""
        return self.models / escape_id(entry_id)

    # --- putting in -------------------------------------------------------------------------------------------------

    def publish(self, entry_id: str, staging: Path, files: Sequence[ModelFile]) -> Path:
        """See `Store.publish`."""
        self._tidy()
        target = self.folder(entry_id)
        check_names([file.name for file in files])
        staged = [self._staged(staging, file) for file in files]
        blobs = [self._blob(file, path) for file, path in zip(files, staged, strict=True)]
        self.blobs.sync()
        new = self._temporary("new")
        try:
            new.mkdir(parents=True)
            self._fill(new, files, blobs)
            self._swap(new, target)
        finally:
            self._tidy()
        return target

    def _staged(self, staging: Path, file: ModelFile) -> Path | None:
        """The staged file, checked to be a plain one of the right size; ``None`` if it is not there."""
        path = safe_join(staging, file.name)
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        inside = path.parent.resolve() == safe_join(staging.resolve(), file.name).parent
        if not stat.S_ISREG(status.st_mode) or not inside:
            raise RbeeError(
                ErrorCode.UNSAFE_PATH, f"{file.name} is a link or a special file; only plain files become a model's."
            )
        if status.st_size != file.size:
            raise RbeeError(
                ErrorCode.CHECKSUM_MISMATCH,
                f"{file.name} has {status.st_size} bytes, not the {file.size} that were verified.",
                "Something wrote to it meanwhile. Download the model again.",
            )
        return path

    def _blob(self, file: ModelFile, staged: Path | None) -> Path:
        digest = file.digest if file.digest and file.digest.algorithm == "sha256" else None
        if staged is not None:
            return self.blobs.adopt(staged, digest or hash_of(staged))
        blob = self.blobs.find(digest) if digest else None
        if blob is None:
            raise RbeeError(
                ErrorCode.DOWNLOAD_FAILED, f"{file.name} has not been downloaded.", "Download the model again."
            )
        return blob

    def _fill(self, new: Path, files: Sequence[ModelFile], blobs: list[Path]) -> None:
        for file, blob in zip(files, blobs, strict=True):
            try:
                share(blob, safe_join(new, file.name))
            except FileExistsError:
                raise RbeeError(
                    ErrorCode.UNSAFE_PATH, f"Two files of the model are one on this disk: {file.name!a}."
                ) from None
        for folder, _, _ in os.walk(new):
            sync_dir(Path(folder))

    def _swap(self, new: Path, target: Path) -> None:
        """Let ``new`` take the place of ``target``. A kill or error in between is put right by `_tidy`."""
        if os.path.lexists(target):
            os.replace(target, self._old(target))  # noqa: PTH105 — the one name that tests make fail
        os.replace(new, target)  # noqa: PTH105
        sync_dir(self.models)

    # --- taking out -------------------------------------------------------------------------------------------------

    def remove(self, entry_id: str, entry: ModelEntry | None, others: Sequence[ModelEntry]) -> int:
        """Delete a model's folder, and its path where that lies elsewhere in the store and is nobody else's."""
        self._tidy()
        freed = self._discard(self.folder(entry_id))
        if entry is not None and (path := self._foreign(entry, others)) is not None:
            freed += self._discard(path)
        return freed

    def _foreign(self, entry: ModelEntry, others: Sequence[ModelEntry]) -> Path | None:
        """Where an entry's files lie in the root but beside the store's own folders (a migrated catalog's do)."""
        try:
            relative = Path(entry.path).relative_to(self.root)
        except ValueError:
            return None
        first = relative.parts[0] if relative.parts else ""
        if first in _OWN or not first or first.startswith(("catalog.json", ".catalog.json")):
            return None
        path = self.root / relative
        real_root = Path(os.path.realpath(self.root))
        if path.is_symlink() or not Path(os.path.realpath(path)).is_relative_to(real_root):
            return None
        used = [Path(other.path) for other in others if other.path]
        return None if any(one.is_relative_to(path) for one in used) else path

    def _discard(self, path: Path) -> int:
        """Make it vanish at once, then delete it."""
        if not os.path.lexists(path):
            return 0
        trash = self._temporary("trash")
        try:
            trash.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, trash)  # noqa: PTH105
        except OSError:
            return remove_tree(path)
        freed = remove_tree(trash)
        self._tidy()
        return freed

    # --- after a crash ----------------------------------------------------------------------------------------------

    def recover(self) -> None:
        """Put right what a killed process left, unless somebody is at work just now."""
        if not self.temp.is_dir():
            return
        with suppress(TimeoutError, OSError, RbeeError, RuntimeError), lock(self.root / "locks", "store", timeout=0):
            self._tidy()

    def _tidy(self) -> None:
        """Restore or delete whatever is in ``.tmp``; the lock is held, so none of it is being worked on."""
        self.restore()
        with suppress(OSError):
            for path in self.temp.iterdir():
                remove_tree(path)
            self.temp.rmdir()

    def restore(self) -> None:
        """Put back each model that was moved away and whose successor did not come. The lock is held."""
        with suppress(OSError):
            for old in self.temp.glob("old-*"):
                target = self.models / old.name.removeprefix("old-")
                if not os.path.lexists(target):
                    os.replace(old, target)  # noqa: PTH105

    def _temporary(self, kind: str) -> Path:
        return self.temp / f"{kind}-{secrets.token_hex(8)}"

    def _old(self, target: Path) -> Path:
        return self.temp / f"old-{target.name}"
