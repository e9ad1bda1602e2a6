"""A model in the catalog."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from .base import Contract
from .common import ArtifactStatus, Digest, LifecycleState, WorkerType


class ModelFormat(StrEnum):
    """How the weights are stored."""

    GGUF = "gguf"
    SAFETENSORS = "safetensors"
    PYTORCH = "pytorch"
    ONNX = "onnx"
    OTHER = "other"


class ModelFile(Contract):
    """One file of a model: its name under the model's folder, its bytes, and the digest they were checked against."""

    name: str
    size: int = Field(ge=0)
    digest: Digest | None = None


def _now() -> datetime:
    return datetime.now(UTC)


class ModelEntry(Contract):
    """One model: where it came from, where it lies, what it is.

    ``source`` is the canonical reference; ``path`` what an engine is given to load (the GGUF file, the first of its
    shards, or a safetensors model's folder), absolute; ``size`` the bytes of all files. ``digest`` is the one file's,
    for a model of one file. ``metadata`` carries, where known, ``repo``, ``context_length``, ``vocab_size``,
    ``quantization``, ``parameters`` (a count), ``pinned``, and whatever the vendor adds.
    """

    id: str
    name: str
    source: str
    path: str
    size: int = Field(default=0, ge=0)
    format: ModelFormat = ModelFormat.OTHER
    architecture: str = "unknown"
    backends: list[WorkerType] = Field(default_factory=list)
    status: ArtifactStatus = ArtifactStatus.AVAILABLE
    error: str | None = None
    lifecycle: LifecycleState = LifecycleState.ACTIVE
    digest: Digest | None = None
    files: list[ModelFile] = Field(default_factory=list)
    revision: str | None = None
    added_at: datetime = Field(default_factory=_now)
    last_verified_ms: int | None = None
    last_used_at: datetime | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)

    @property
    def downloaded(self) -> bool:
        """Whether the files are here, verified and ready to run."""
        return self.status is ArtifactStatus.AVAILABLE

    @property
    def pinned(self) -> bool:
        """Whether this model is never evicted."""
        return bool(self.metadata.get("pinned"))
