"""Building workers for Macs' GPUs.

Nothing is compiled: the wheels that the engines publish for macOS on Apple silicon come with Metal. Seen on 2026-11-20:
xllamacpp's ``macosx_13_0_arm64`` wheel holds ggml's Metal backend with its kernels, its ``macosx_13_0_x86_64`` wheel
does not (and its build script has ``GGML_METAL=OFF`` there); PyTorch's wheels for macOS on arm64 come with MPS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from rbee_core.contracts import Device, WorkerBinary, WorkerRecipe, WorkerVariant
    from rbee_core.jobs import Job


def build(
    recipe: WorkerRecipe, variant: WorkerVariant, dest: Path, job: Job, devices: list[Device]
) -> WorkerBinary | None:
    """Build one variant of a worker; ``None`` when its build system is not ``pip``."""
    from rbee_core.workers import build_pip_worker

    return build_pip_worker(
        recipe, variant, dest, job, devices=[device for device in devices if device.problem is None]
    )
