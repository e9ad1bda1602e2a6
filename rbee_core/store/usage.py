"""What the store's files take up, each counted once however many names it has."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

#: Device and inode: one file, whatever it is called.
FileId = tuple[int, int]


def plain_files(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """The regular files at or below ``path``; links are not followed, what vanishes meanwhile is left out."""
    with suppress(OSError):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode):
            yield path, status
        elif stat.S_ISDIR(status.st_mode):
            for folder, _, names in os.walk(path):
                for name in names:
                    with suppress(OSError):
                        below = Path(folder, name)
                        if stat.S_ISREG((status := below.lstat()).st_mode):
                            yield below, status


def sizes(paths: Iterable[Path]) -> dict[FileId, int]:
    """The bytes of each file at or below the paths."""
    return {(status.st_dev, status.st_ino): status.st_size for path in paths for _, status in plain_files(path)}


def written(paths: Iterable[Path]) -> dict[FileId, int]:
    """As `sizes`, but of a file with holes only what is on the disk: a download has its full length from the start."""
    found = {}
    for path in paths:
        for _, status in plain_files(path):
            blocks = getattr(status, "st_blocks", None)  # not on Windows; always of 512 bytes
            on_disk = status.st_size if blocks is None else min(status.st_size, blocks * 512)
            found[status.st_dev, status.st_ino] = on_disk
    return found


def size_of(path: Path) -> int:
    """The bytes at or below a path, each file counted once."""
    return sum(sizes([path]).values())
