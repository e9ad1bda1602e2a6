"""The CUDA backend of rbee: NVIDIA GPUs, and building workers for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rbee_core import hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    from rbee_core.contracts import Device, WorkerBinary, WorkerRecipe, WorkerVariant
    from rbee_core.jobs import Job

__all__ = ["CudaBackend"]


class CudaBackend:
    """The hooks."""

    rbee_api = 1

    @hookimpl
    def detect_hardware(self) -> list[Device]:
        """This machine's NVIDIA GPUs, the best first."""
        from .detect import detect

        return detect()

    @hookimpl
    def build_worker(
        self, recipe: WorkerRecipe, variant: WorkerVariant, dest: Path, job: Job, devices: list[Device]
    ) -> WorkerBinary | None:
        """Build a worker of system ``pip`` for the GPUs that were found."""
        from .build import build

        return build(recipe, variant, dest, job, devices)

    @hookimpl
    def check_build(self, recipe: WorkerRecipe, variant: WorkerVariant, dest: Path, devices: list[Device]) -> None:
        """See whether what would have to be compiled can be."""
        from rbee_core.workers import check_pip_build

        from .build import how

        check_pip_build(recipe, variant, dest, **how(recipe, variant, devices))
