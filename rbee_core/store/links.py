"""One file under two names: a hard link; else a reflink; else a copy."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from .atomic import sync_file


def share(source: Path, dest: Path) -> None:
    """Make ``dest`` the same content as ``source``, at no cost in space where the file system allows it.

    :raises OSError: not even a copy could be made; nothing is left.
    """
    dest.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Fails across file systems, on those without links, and when a file has all the links it can (EMLINK).
        os.link(source, dest)
        return
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):
        pass
    try:
        if not clone(source, dest):
            shutil.copyfile(source, dest)
        sync_file(dest)
        dest.chmod(0o444)
    except BaseException:
        with suppress(OSError):
            dest.unlink()
        raise


def clone(source: Path, dest: Path) -> bool:
    """Reflink ``source`` to the new file ``dest`` (Linux: Btrfs, XFS, …; ioctl_ficlone(2)), if this file system can."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    ficlone = 0x40049409
    try:
        with source.open("rb") as reader, dest.open("xb") as writer:
            fcntl.ioctl(writer.fileno(), ficlone, reader.fileno())
    except OSError:
        dest.unlink(missing_ok=True)
        return False
    return True


def remove_tree(path: Path) -> int:
    """Delete a folder or file as well as it goes, links in it not followed; the bytes that became free on the disk."""
    freed = 0
    if path.is_symlink() or not path.is_dir():
        return _unlink(path)
    for folder, folders, names in os.walk(path, topdown=False):
        for name in names:
            freed += _unlink(Path(folder, name))
        for name in folders:
            below = Path(folder, name)
            with suppress(OSError):
                below.unlink() if below.is_symlink() else below.rmdir()
    with suppress(OSError):
        path.rmdir()
    return freed


def _unlink(path: Path) -> int:
    with suppress(OSError):
        status = path.lstat()
        if os.name == "nt":
            path.chmod(0o666)
        path.unlink()
        return status.st_size if status.st_nlink == 1 else 0
    return 0
