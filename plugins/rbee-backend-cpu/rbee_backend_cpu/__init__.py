"""The CPU backend of rbee: what this processor can do, and building workers for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rbee_core import hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    from rbee_core.contracts import Device, WorkerBinary, WorkerRecipe, WorkerVariant
    from rbee_core.jobs import Job

__all__ = ["CpuBackend"]


class CpuBackend:
    """The hooks."""

    rbee_api = 1

    @hookimpl
    def detect_hardware(self) -> list[Device]:
        """This machine's processor, as one device."""
        from rbee_core.probing import Host

        from .detect import detect

        return [detect(Host())]

    @hookimpl
    def build_worker(
        self, recipe: WorkerRecipe, variant: WorkerVariant, dest: Path, job: Job, devices: list[Device]
    ) -> WorkerBinary | None:
        """Build a worker of system ``pip``."""
        from rbee_core.workers import build_pip_worker

        return build_pip_worker(recipe, variant, dest, job, devices=devices)
