"""Content-addressed files: ``blobs/sha256/<hex>``. The same bytes are kept once, whoever brought them.

A blob is *sealed* (read-only) when rbee alone holds it: its name can be trusted. One that is hard-linked to a file of
the user's cannot be sealed, for the user may write to it; it is hashed again before it is used for anything new.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from ..contracts.common import Digest
from ..errors import ErrorCode, RbeeError
from .atomic import replace, sync_dir, sync_file

_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


class Blobs:
    """The blobs of one store. Adding and removing are the caller's to serialise."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "blobs" / "sha256"

    def path(self, digest: Digest) -> Path:
        """Where the blob of that digest is, or would be.

        :raises RbeeError: ``CHECKSUM_MISMATCH``: blobs are named by their sha256.
        """
        if digest.algorithm != "sha256":
            raise RbeeError(ErrorCode.CHECKSUM_MISMATCH, f"Blobs are stored by sha256, not by {digest.algorithm}.")
        return self.folder / digest.hex

    def find(self, digest: Digest) -> Path | None:
        """The blob, if it is there and its bytes are what its name says; one whose bytes are not is dropped."""
        path = self.path(digest)
        try:
            status = path.lstat()
        except OSError:
            return None
        if stat.S_ISREG(status.st_mode) and (is_sealed(status) or hash_of(path) == digest):
            return path
        # Only the name goes: models that were linked to it keep their file, and `verify` tells on it.
        with suppress(OSError):
            path.unlink()
        return None

    def adopt(self, file: Path, digest: Digest) -> Path:
        """Move a verified file in; if its bytes are here already and sealed, it is dropped instead. The blob's path.

        :raises OSError: the file is where it was, or the blob is complete.
        """
        target = self.path(digest)
        status = file.lstat()
        with suppress(FileNotFoundError):
            if os.path.samestat(target.lstat(), status):
                # Linked, not moved, by an attempt that was killed: two names of one file; a rename would do nothing.
                file.unlink()
                return target
        # A private file takes the place of a blob that is linked to a user's, so that it can be sealed.
        present = self.find(digest)
        if present is not None and (status.st_nlink > 1 or is_sealed(present.lstat())):
            file.unlink()
            return target
        self.folder.mkdir(parents=True, exist_ok=True)
        sync_file(file)
        replace(file, target)
        if status.st_nlink == 1:
            seal(target)
        return target

    def sync(self) -> None:
        """Have the names of adopted blobs on the disk."""
        if self.folder.is_dir():
            sync_dir(self.folder)

    def drop(self, digest: Digest) -> int:
        """Delete a blob, best effort; the bytes that became free."""
        path = self.path(digest)
        with suppress(OSError):
            status = path.lstat()
            if os.name == "nt":
                path.chmod(0o666)
            path.unlink()
            return status.st_size if status.st_nlink == 1 else 0
        return 0


def is_sealed(status: os.stat_result) -> bool:
    """Whether nobody may write to the file."""
    return not status.st_mode & _WRITABLE


def seal(path: Path) -> None:
    """Make a file read-only. Best effort: where there are no modes, an unsealed blob is merely hashed again."""
    with suppress(OSError):
        path.chmod(0o444)


def hash_of(path: Path) -> Digest:
    """A file's sha256, read anew."""
    with path.open("rb") as reader:
        return Digest(f"sha256:{hashlib.file_digest(reader, 'sha256').hexdigest()}")
