"""Writing that a crash, a kill or a full disk leaves either undone or done, never in between."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import ErrorCode, RbeeError

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turn "no space left" into a sentence; ``what`` is what could not be written.

    :raises RbeeError: ``INSUFFICIENT_DISK``. Other errors of the disk pass as they are.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise RbeeError(
            ErrorCode.INSUFFICIENT_DISK,
            f"No space left on the disk while writing {what}; nothing was changed.",
            "Free some space, or remove a model with: rbee models rm ID",
        ) from error


def write_atomic(path: Path, data: bytes, *, temp: Path | None = None) -> None:
    """Replace ``path``'s content: temporary file in the same folder, fsync, rename, fsync of the folder.

    :param temp: the temporary file's name, where the caller holds a lock and wants leftovers of a kill overwritten;
        by default one of this process's own.
    :raises OSError: the old content is untouched, and the temporary file gone.
    """
    temp = temp or path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write_synced(temp, data)
        replace(temp, path)
    except BaseException:
        with suppress(OSError):
            temp.unlink()
        raise
    sync_dir(path.parent)


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file whose bytes are on the disk when this returns."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_file(path: Path) -> None:
    """Have a file's bytes on the disk."""
    fd = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_dir(path: Path) -> None:
    """Have a folder's names on the disk, where the system can (Windows does it by itself)."""
    if os.name == "nt":
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network and FUSE file systems have no fsync of folders; their renames are as durable as they get.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF}:
            raise
    finally:
        os.close(fd)


def replace(source: Path, target: Path) -> None:
    """``os.replace``; on Windows, where a reader of ``target`` blocks it for a moment, tried again for a second."""
    for _ in range(20 if os.name == "nt" else 0):
        try:
            os.replace(source, target)  # noqa: PTH105 — the one name that tests make fail
        except PermissionError:
            time.sleep(0.05)
        else:
            return
    os.replace(source, target)  # noqa: PTH105
