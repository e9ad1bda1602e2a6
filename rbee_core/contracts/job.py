"""Events of long work: what the command line draws and, later, what a server streams."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from .base import SnakeContract


class Level(StrEnum):
    """How much an event matters to a person. ``done``, ``error`` and ``cancelled`` end a job, exactly one of them."""

    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class JobEvent(SnakeContract):
    """One step of a job, in the narration vocabulary of the original system.

    ``actor`` is the part that speaks (``model-provisioner``), ``action`` the machine-readable step
    (``model_download_start``; the last event's is ``done``, ``error`` or ``cancelled``), ``human`` a sentence, ``data``
    the facts. ``seq`` counts from 0 without gaps.
    """

    job_id: str
    seq: int = Field(ge=0)
    actor: str
    action: str
    human: str
    level: Level = Level.INFO
    timestamp: datetime
    data: dict[str, Any] = Field(default_factory=dict)
