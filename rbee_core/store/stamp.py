"""Knowing one's own handwriting: whether a file is still exactly what this code wrote last."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

#: Changes with every change of how the catalog is laid out.
LAYOUT = 1


class Stamp:
    """A small file that says which file was written last: its inode, size and times. It may be missing or stale."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, file: Path) -> None:
        """``file`` has just been written. Best effort: without a stamp everything works, only slower."""
        with suppress(OSError):
            self._path.write_text(_identity(file), encoding="ascii")

    def written_by_us(self, file: Path, copy: Path) -> bytes | None:
        """The bytes of ``file``, if nobody has written to it since `note`, and ``copy`` still has the same bytes.

        The copy is asked too because times are coarse, and because disks forget.
        """
        with suppress(OSError, ValueError):
            before = _identity(file)
            if self._path.read_text(encoding="ascii") == before:
                data = file.read_bytes()
                if copy.read_bytes() == data and _identity(file) == before:
                    return data
        return None


def _identity(file: Path) -> str:
    status = file.stat()
    return f"{LAYOUT} {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
