"""The Metal backend of rbee: what the GPUs of Macs can do, and building workers for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rbee_core import hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    from rbee_core.contracts import Device, WorkerBinary, WorkerRecipe, WorkerVariant
    from rbee_core.jobs import Job

__all__ = ["MetalBackend"]


class MetalBackend:
    """The hooks."""

    rbee_api = 1

    @hookimpl
    def detect_hardware(self) -> list[Device]:
        """This Mac's GPUs."""
        from rbee_core.probing import Host

        from .detect import detect

        return detect(Host())

    @hookimpl
    def build_worker(
        self, recipe: WorkerRecipe, variant: WorkerVariant, dest: Path, job: Job, devices: list[Device]
    ) -> WorkerBinary | None:
        """Build a worker of system ``pip``: the wheels for macOS come with Metal."""
        from .build import build

        return build(recipe, variant, dest, job, devices)
