"""Is there room?"""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import ErrorCode, RbeeError
from ..units import human_size

#: Kept free, in bytes, so that the catalog can be written whatever a download does.
RESERVE = 16 * 2**20


def require_space(root: Path, needed: int) -> None:
    """Make sure that ``needed`` more bytes fit on the disk that holds ``root`` (which need not exist yet).

    :raises RbeeError: ``INSUFFICIENT_DISK``, with how much is needed, there, and to be freed.
    """
    if needed <= 0:
        return
    place = root
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    missing = needed + RESERVE - free
    if missing > 0:
        raise RbeeError(
            ErrorCode.INSUFFICIENT_DISK,
            f"{human_size(needed)} are needed in {root}, and {human_size(free)} are available.",
            f"Free {human_size(missing)} there (rbee models rm ID), or set RBEE_MODELS_DIR to a larger disk.",
        )
