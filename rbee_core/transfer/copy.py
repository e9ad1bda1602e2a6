"""Files that are on this machine already: hashed, copied, cloned or linked."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..contracts.common import Digest
from ..contracts.download import DownloadedFile
from ..errors import ErrorCode, RbeeError
from .part import writing
from .tally import Tally

CHUNK = 1 << 20


def copy_file(source: Path, dest: Path, tally: Tally, *, name: str) -> DownloadedFile:
    """Copy ``source`` to ``dest``, hashing on the way.

    :param dest: written anew; its folder is made. Not written at all if the store has the file (``job.present``).
    :param name: what to call the file in progress and in the result.
    :raises RbeeError: ``CANCELLED``, ``UNSAFE_PATH`` (see `open_regular`), ``INSUFFICIENT_DISK``, ``DOWNLOAD_FAILED``.
    :raises OSError: ``source`` cannot be read.
    """
    if (known := tally.job.present.get(name)) is not None:
        tally.add(known.size, name)
        return known
    hasher = hashlib.sha256()
    size = 0
    with open_regular(source) as reader:
        with writing(dest):
            dest.parent.mkdir(parents=True, exist_ok=True)
            # An earlier attempt may have left a hard link here; writing through it would change somebody else's file.
            dest.unlink(missing_ok=True)
            writer = dest.open("xb", buffering=0)
        with writer:
            for chunk in _chunks(reader):
                hasher.update(chunk)
                with writing(dest):
                    _write_all(writer, chunk)
                size += len(chunk)
                tally.add(len(chunk), name)
    digest = Digest(f"sha256:{hasher.hexdigest()}")
    tally.job.record_digest(dest, digest)
    return DownloadedFile(name=name, size=size, digest=digest)


def hash_file(path: Path, tally: Tally, *, name: str) -> Digest:
    """The sha256 of a file that is here already; the digest is noted with the job."""
    hasher = hashlib.sha256()
    with open_regular(path) as reader:
        for chunk in _chunks(reader):
            hasher.update(chunk)
            tally.add(len(chunk), name)
    digest = Digest(f"sha256:{hasher.hexdigest()}")
    tally.job.record_digest(path, digest)
    return digest


def link_file(source: Path, dest: Path) -> bool:
    """Make ``dest`` share ``source``'s bytes without copying them: a clone where the file system has them, else a link.

    A clone (reflink) is independent of its source. A hard link is the same file: a later write to the source shows
    through. So a file is linked only if nobody but its owner, who is this user, can write to it, and only into a folder
    of this user's own; ``rbee models verify`` hashes again.

    :param dest: replaced if it exists; its folder is made.
    :returns: whether it worked; if not, nothing is left behind and a copy is the way.
    :raises RbeeError: ``UNSAFE_PATH``, ``INSUFFICIENT_DISK``, ``DOWNLOAD_FAILED``.
    :raises OSError: ``source`` cannot be read.
    """
    with open_regular(source) as reader:
        with writing(dest):
            dest.parent.mkdir(parents=True, exist_ok=True)
            dest.unlink(missing_ok=True)
        if _clone(reader, dest):
            return True
        if not _may_link(os.fstat(reader.fileno()), dest.parent.stat()):
            return False
        try:
            # What a symbolic link leads to, not the link itself.
            os.link(os.path.realpath(source), dest)
        except (OSError, NotImplementedError):
            return False
        if not os.path.samestat(os.fstat(reader.fileno()), dest.lstat()):
            dest.unlink(missing_ok=True)  # it was exchanged between the look and the link
            return False
        return True


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading if it is one: a FIFO, a socket, a device or a folder is refused without waiting for it.

    :raises RbeeError: ``UNSAFE_PATH``, it is something else than a regular file.
    :raises OSError: it cannot be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    _require_regular(path, path.stat())
    descriptor = os.open(path, flags)
    try:
        _require_regular(path, os.fstat(descriptor))
        return os.fdopen(descriptor, "rb", buffering=0)
    except BaseException:
        os.close(descriptor)
        raise


def _require_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        message = f"{path} is {kind_of(status.st_mode)}, not a regular file."
        raise RbeeError(ErrorCode.UNSAFE_PATH, message, "Give the path of a model file.")


def kind_of(mode: int) -> str:
    """What a file is, in words, from its ``st_mode``."""
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a character device",
        stat.S_IFBLK: "a block device",
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFREG: "a regular file",
    }
    return kinds.get(stat.S_IFMT(mode), "something special")


def _may_link(source: os.stat_result, folder: os.stat_result) -> bool:
    """Whether a hard link is safe: its owner is this user, and nobody else can write to the file or owns the folder."""
    if not hasattr(os, "geteuid"):  # Windows: links stay within one volume, and access control lists go with the file
        return True
    me = os.geteuid()
    others = source.st_mode & stat.S_IWOTH or (source.st_mode & stat.S_IWGRP and source.st_gid != os.getegid())
    return source.st_uid == me and folder.st_uid == me and not others


def _clone(reader: BinaryIO, dest: Path) -> bool:
    """Reflink into ``dest`` (Linux: Btrfs, XFS, …; ioctl_ficlonerange(2)), if this file system can."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    ficlone = 0x40049409
    try:
        with dest.open("xb") as writer:
            fcntl.ioctl(writer.fileno(), ficlone, reader.fileno())
    except FileExistsError:
        return False
    except OSError:
        dest.unlink(missing_ok=True)
        return False
    return True


def _write_all(writer: BinaryIO, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[writer.write(rest) :]


def _chunks(reader: BinaryIO) -> Iterator[bytes]:
    while chunk := reader.read(CHUNK):
        yield chunk
