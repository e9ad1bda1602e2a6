"""Intel's NPUs, for rbee: which there are, and building workers for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rbee_core import hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    from rbee_core.contracts import Device, WorkerBinary, WorkerRecipe, WorkerVariant
    from rbee_core.jobs import Job

__all__ = ["Backend"]


class Backend:
    """The hooks."""

    rbee_api = 1

    @hookimpl
    def detect_hardware(self) -> list[Device]:
        """This machine's NPUs. Runs in a child process with a time limit."""
        from .detect import detect, this_host

        return detect(this_host())

    @hookimpl
    def build_worker(
        self,
        recipe: WorkerRecipe,
        variant: WorkerVariant,
        dest: Path,
        job: Job,
        devices: list[Device],
    ) -> WorkerBinary | None:
        """Build a worker of system ``pip``, with what its recipe names under ``[backend.intel-npu]``."""
        from rbee_core.workers import build_pip_worker

        from .build import check_devices

        check_devices(devices)
        return build_pip_worker(recipe, variant, dest, job)

    @hookimpl
    def check_build(self, recipe: WorkerRecipe, variant: WorkerVariant, dest: Path, devices: list[Device]) -> None:
        """Say before anything is downloaded what a build would lack."""
        from rbee_core.workers import check_pip_build

        from .build import check_devices

        check_devices(devices)
        check_pip_build(recipe, variant, dest)
