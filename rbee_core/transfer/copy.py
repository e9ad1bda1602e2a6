"""Files that are on this machine already: hashed, copied, cloned or linked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..contracts.common import Digest
from ..contracts.download import DownloadedFile
from .tally import Tally

CHUNK = 1 << 20


def copy_file(source: Path, dest: Path, tally: Tally, *, name: str) -> DownloadedFile:
    """Copy ``source`` to ``dest``, hashing on the way.

    :param dest: written anew; its folder is made. Not written at all if the store has the file (``job.present``).
    :param name: what to call the file in progress and in the result.
    :raises RbeeError: ``CANCELLED``.
    :raises OSError: the disk's own errors.
    """
    if (known := tally.job.present.get(name)) is not None:
        tally.add(known.size, name)
        return known
    dest.parent.mkdir(parents=True, exist_ok=True)
    # An earlier attempt may have left a hard link here; writing through it would change somebody else's file.
    dest.unlink(missing_ok=True)
    hasher = hashlib.sha256()
    size = 0
    with source.open("rb") as reader, dest.open("wb") as writer:
        for chunk in _chunks(reader):
            hasher.update(chunk)
            writer.write(chunk)
            size += len(chunk)
            tally.add(len(chunk), name)
    digest = Digest(f"sha256:{hasher.hexdigest()}")
    tally.job.record_digest(dest, digest)
    return DownloadedFile(name=name, size=size, digest=digest)


def hash_file(path: Path, tally: Tally, *, name: str) -> Digest:
    """The sha256 of a file that is here already; the digest is noted with the job."""
    hasher = hashlib.sha256()
    with path.open("rb") as reader:
        for chunk in _chunks(reader):
            hasher.update(chunk)
            tally.add(len(chunk), name)
    digest = Digest(f"sha256:{hasher.hexdigest()}")
    tally.job.record_digest(path, digest)
    return digest


def link_file(source: Path, dest: Path) -> bool:
    """Make ``dest`` share ``source``'s bytes without copying them: a clone where the file system has them, else a link.

    A clone (reflink) is independent of its source. A hard link is the same file: a later write to the source shows
    through, which is why only the owner's regular files are linked, and why ``rbee models verify`` hashes again.

    :returns: whether it worked; if not, nothing is left behind and a copy is the way.
    """
    dest.parent.mkdir(parents=True, exist_ok=True)
    if clone(source, dest):
        return True
    status = source.stat()
    if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        return False
    try:
        os.link(source, dest, follow_symlinks=True)
    except (OSError, NotImplementedError):
        return False
    return True


def clone(source: Path, dest: Path) -> bool:
    """Reflink ``source`` to ``dest`` (Btrfs, XFS, …: ioctl FICLONE; APFS: clonefile), if this file system can."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    ficlone = 0x40049409
    try:
        with source.open("rb") as reader, dest.open("xb") as writer:
            fcntl.ioctl(writer.fileno(), ficlone, reader.fileno())
    except FileExistsError:
        return False
    except OSError:
        dest.unlink(missing_ok=True)
        return False
    return True


def _chunks(reader: BinaryIO) -> Iterator[bytes]:
    while chunk := reader.read(CHUNK):
        yield chunk
