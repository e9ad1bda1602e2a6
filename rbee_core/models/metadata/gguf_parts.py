"""Which files are one GGUF model: shards, and parts cut by bytes, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_SHARD = re.compile(r"(?P<base>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})\.gguf", re.IGNORECASE)
_BYTE_SPLIT = re.compile(r"(?P<base>.+\.gguf)-(?P<number>\d{5})-of-(?P<total>\d{5})", re.IGNORECASE)


def is_gguf_name(name: str) -> bool:
    """Whether a file of that name is a GGUF model or a part of one."""
    return name.lower().endswith(".gguf") or _BYTE_SPLIT.fullmatch(name) is not None


def is_projector_name(name: str) -> bool:
    """Whether a file of that name is what turns images or sound into a model's embeddings."""
    return "mmproj" in PurePosixPath(name).name.lower()


def is_cut(name: str) -> bool:
    """Whether a file of that name was cut out of a larger one by bytes: only the first such part has a header."""
    if _BYTE_SPLIT.fullmatch(name):
        return True
    match = _SHARD.fullmatch(name)
    return match is not None and match["base"].lower().endswith(".gguf")


def group_parts(names: Iterable[str]) -> list[tuple[list[str], int]]:
    """The models among those files: for each the names of its parts, in order, and how many there should be."""
    shards: dict[tuple[str, str], list[str]] = {}
    models = []
    for name in names:
        match = _SHARD.fullmatch(name) or _BYTE_SPLIT.fullmatch(name)
        if match is not None and int(match["total"]) > 0:
            shards.setdefault((match["base"], match["total"]), []).append(name)
        else:
            models.append(([name], 1))
    return models + [(sorted(parts), int(total)) for (_, total), parts in shards.items()]
