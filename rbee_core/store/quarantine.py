"""Where blobs go whose bytes are no longer what their names say: kept for whoever wants to look, used by nobody."""

from __future__ import annotations

import os
from pathlib import Path

from ..contracts.common import Digest
from .atomic import replace
from .blobs import Blobs

NAME = "quarantine"


def quarantine(root: Path, blobs: Blobs, digest: Digest, seen: os.stat_result) -> Path | None:
    """Move a bad blob out of the blobs. The caller holds the store's lock.

    :param seen: what was hashed; a blob that has become another file since is left alone.
    :returns: where it is now; ``None`` if it was left alone.
    """
    path = blobs.path(digest)
    try:
        status = path.lstat()
    except OSError:
        return None
    if not os.path.samestat(status, seen) or status.st_mtime_ns != seen.st_mtime_ns:
        return None
    folder = root / NAME
    folder.mkdir(exist_ok=True)
    target, number = folder / digest.hex, 1
    while os.path.lexists(target):
        number += 1
        target = folder / f"{digest.hex}.{number}"
    replace(path, target)
    return target
