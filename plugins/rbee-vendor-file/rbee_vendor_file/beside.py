"""What lies beside a model's file: the same model in other quantizations, for whom this one is too large."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from rbee_core.errors import RbeeError
from rbee_core.refs import ModelRef
from rbee_core.selection import shard_names

#: More than anybody keeps of one model.
_MOST = 100


def versions_beside(path: Path) -> list[dict[str, Any]]:
    """The GGUF files whose names differ from this one's in the last part alone, as ``{"ref", "size"}``.

    ``model-Q4_K_M.gguf`` has ``model-Q8_0.gguf`` and ``model.f16.gguf`` beside it, but not ``other-Q8_0.gguf``.
    """
    base = _base(path)
    if base is None:
        return []
    found = []
    try:
        for other in sorted(path.parent.iterdir()):
            whole = len(shard_names(other.name)) == 1
            if other != path and whole and _base(other) == base and other.is_file():
                found.append({"ref": str(ModelRef.parse(str(other.absolute()))), "size": other.stat().st_size})
    except (OSError, RbeeError):
        return []  # it is only for advice
    return found[:_MOST]


def _base(path: Path) -> str | None:
    match = re.fullmatch(r"(.+)[-.][^-.]+\.gguf", path.name, re.IGNORECASE)
    return match[1] if match else None
