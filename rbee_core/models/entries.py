"""What a model's entry says once its files are verified and in place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..contracts.common import ArtifactStatus
from ..contracts.model import ModelEntry, ModelFile
from ..refs import ModelRef
from . import checks


def default_name(ref: ModelRef) -> str:
    """A name for a person, from the reference alone: its last part without the quantization or extension."""
    text = ref.repo or ref.rest
    last = text.rstrip("/").rsplit("/", 1)[-1]
    return re.sub(r"\.(gguf|safetensors)$", "", last) or str(ref)


def finished(
    entry: ModelEntry,
    files: Sequence[ModelFile],
    folder: Path,
    *,
    revision: str | None,
    metadata: Mapping[str, Any],
    default: str,
) -> ModelEntry:
    """The entry of a model that is here.

    :param folder: where the files are.
    :param metadata: what its source says; what the entry itself and the files say goes before it.
    :param default: the name it has if nobody gave it one; what the files call themselves is better.
    """
    from .metadata import describe

    described = describe(folder, [file.name for file in files])
    return entry.model_copy(
        update={
            "name": entry.name if entry.name != default else described.name or entry.name,
            "path": str(folder / described.path) if described.path != "." else str(folder),
            "size": sum(file.size for file in files),
            "format": described.format,
            "architecture": described.architecture if described.architecture != "unknown" else entry.architecture,
            "status": ArtifactStatus.AVAILABLE,
            "error": None,
            "digest": files[0].digest if len(files) == 1 else None,
            "files": list(files),
            "revision": revision,
            "last_verified_ms": checks.now_ms(),
            "metadata": {**metadata, **entry.metadata, **described.metadata},
        }
    )
