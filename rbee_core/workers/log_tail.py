"""The end of a worker's log."""

from __future__ import annotations

import os
from pathlib import Path

#: Lines that an error repeats.
SHOWN = 12
#: Bytes looked at, from the end.
_MOST = 256 << 10


def last_lines(log: Path, count: int = SHOWN) -> list[str]:
    """The last lines of a log; none when it cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _MOST))
            return file.read().decode("utf-8", "replace").splitlines()[-count:] if count else []
    except OSError:
        return []
