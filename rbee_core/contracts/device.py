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

    ``runtime`` is the newest version of the backend's runtime that the driver supports (CUDA ``12.4``, ROCm ``6.2``).
    ``unified_memory``: it computes in the machine's own memory, so that what it uses the CPU has no more.
    ``selector`` is the environment variable, with its value, that shows a process this device alone
    (``{"CUDA_VISIBLE_DEVICES": "GPU-8f6c…"}``); several devices of one backend are joined with commas.
    ``problem`` says why nothing can be run on it although it is there.
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
    runtime: str | None = None
    unified_memory: bool | None = None
    selector: dict[str, str] | None = None
    problem: str | None = None
