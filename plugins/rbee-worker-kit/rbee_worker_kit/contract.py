"""What this worker answers on ``GET /info``: rbee's worker contract, restated so that rbee need not be installed here.

A test of rbee's holds this to the original (``rbee_core.contracts.WorkerInfo``).
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field


class WorkerStatus(StrEnum):
    """What a running worker is doing. ``ready`` and ``busy`` both take requests."""

    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    STOPPING = "stopping"
    STOPPED = "stopped"


class WorkerInfo(BaseModel):
    """What a running worker answers on ``GET /info``."""

    id: str
    model_id: str
    device: str
    port: int = Field(ge=1, le=65535)
    status: WorkerStatus
    implementation: str
    version: str
