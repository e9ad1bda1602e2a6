"""Workers: as built on disk (camelCase) and as running processes (snake_case, the original worker contract)."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from .base import Contract, SnakeContract
from .common import ArtifactStatus, Platform, WorkerType


def _now() -> datetime:
    return datetime.now(UTC)


class WorkerBinary(Contract):
    """A worker variant that has been built here and can be started.

    ``id`` names the variant (``llm-worker-cpu``), ``path`` the folder of its environment, ``size`` its bytes.
    ``provenance`` records what it was built from: recipe digest, versions installed, flags, interpreter.
    """

    id: str
    worker_type: WorkerType
    platform: Platform
    path: str
    size: int = Field(ge=0)
    status: ArtifactStatus = ArtifactStatus.AVAILABLE
    version: str
    added_at: datetime = Field(default_factory=_now)
    supported_formats: list[str] = Field(default_factory=list)
    max_context_length: int | None = None
    supports_streaming: bool = True
    supports_batching: bool = False
    provenance: dict[str, Any] = Field(default_factory=dict)


class WorkerStatus(StrEnum):
    """What a running worker is doing. ``ready`` and ``busy`` both take requests."""

    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    STOPPING = "stopping"
    STOPPED = "stopped"


class WorkerInfo(SnakeContract):
    """What a running worker answers on ``GET /info``."""

    id: str
    model_id: str
    device: str
    port: int = Field(ge=1, le=65535)
    status: WorkerStatus
    implementation: str
    version: str


class WorkerHeartbeat(SnakeContract):
    """A worker's regular sign of life; stale after 90 s."""

    worker: WorkerInfo
    timestamp: datetime = Field(default_factory=_now)
