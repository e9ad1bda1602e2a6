"""What ``detect_hardware`` answers with."""

from __future__ import annotations

from pydantic import Field

from .base import Contract
from .common import Architecture, WorkerType


class Device(Contract):
    """One thing a worker can compute on.

    ``id`` is ``CPU-0`` or ``GPU-<index>``; memory is in bytes. ``memory_free`` is what a new process could really use
    now (container limits counted). ``architecture`` is the machine's for a CPU and the GPU's own name for a GPU
    (``x86_64``, ``sm_90``, ``gfx1100``). ``features`` are instruction sets or capabilities, lower case.
    """

    id: str
    backend: WorkerType
    name: str
    memory_total: int = Field(ge=0)
    memory_free: int = Field(ge=0)
    compute_capability: str | None = None
    driver: str | None = None
    architecture: Architecture
    features: list[str] = Field(default_factory=list)
