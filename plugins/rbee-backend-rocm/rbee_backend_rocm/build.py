"""Building workers for AMD's GPUs: what compiling needs, for which targets, and which PyTorch.

Sources: llama.cpp, ``ggml/src/ggml-hip/CMakeLists.txt`` (what is looked for, ROCm 6.1 at least), docs/build.md, "HIP";
xllamacpp, ``scripts/build.py`` (``XLLAMACPP_BUILD_HIP``, ``AMDGPU_TARGETS``, the package hip-lang).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rbee_core.contracts import Device, WorkerBinary, WorkerRecipe, WorkerVariant
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job
from rbee_core.probing import Host
from rbee_core.workers import Needs, Toolkit, ToolkitSpec, build_pip_worker, merged_pip

from .install import Rocm, installed
from .targets import TORCH, TORCH_BACKEND

_TARGETS = "AMDGPU_TARGETS"


def _package(name: str) -> tuple[str, ...]:
    """Where a CMake package of ROCm's, or of a distribution's, lies."""
    return tuple(f"{lib}/cmake/{name}/{name}-config.cmake" for lib in ("lib", "lib64", "lib/*"))


#: ROCm as AMD's packages and distributions lay it out.
TOOLKIT = ToolkitSpec(
    name="ROCm",
    compiler="hipcc",
    root_variables=("ROCM_PATH",),
    folders=("/usr", "/opt/rocm-*", "/opt/rocm/core*", "/opt/rocm"),
    version=r"HIP version: (\d+\.\d+)",
    files={
        _package("hip-lang"): "HIP's package for CMake (hip-dev)",
        _package("hipblas"): "hipBLAS (hipblas-dev)",
        _package("rocblas"): "rocBLAS (rocblas-dev)",
    },
    package="rocm",
)
#: The first release that llama.cpp compiles with.
_OLDEST = (6, 1)


def build(
    recipe: WorkerRecipe, variant: WorkerVariant, dest: Path, job: Job, devices: Sequence[Device]
) -> WorkerBinary | None:
    """What the hook ``build_worker`` returns.

    :raises RbeeError: ``BUILD_FAILED``, ``CANCELLED``; ``BACKEND_UNAVAILABLE``: for which GPU is not known.
    """
    return build_pip_worker(recipe, variant, dest, job, **how(recipe, variant, devices))


def how(recipe: WorkerRecipe, variant: WorkerVariant, devices: Sequence[Device]) -> dict[str, Any]:
    """What `build_pip_worker` is told: the variables, what compiling needs, which PyTorch.

    :raises RbeeError: as `build`.
    """
    pip = merged_pip(recipe, variant)
    if recipe.build.system != "pip" or not (pip.from_source or pip.torch_backend):
        return {}
    targets = wanted_targets(devices, os.environ)
    if pip.torch_backend:
        _check_torch(targets)
    if not pip.from_source:
        return {"torch_backend": TORCH_BACKEND}
    return {
        "env": compile_env(targets, installed(Host()), os.environ),
        "needs": needs(),
        "torch_backend": TORCH_BACKEND,
        # Who names targets wants them compiled.
        "devices": [] if os.environ.get(_TARGETS) else [device for device in devices if device.problem is None],
    }


def wanted_targets(devices: Sequence[Device], env: Mapping[str, str]) -> list[str]:
    """The targets to compile for: those of ``AMDGPU_TARGETS``, else of the devices that can be used; sorted.

    :raises RbeeError: ``BACKEND_UNAVAILABLE``: there are none, and why.
    """
    if named := re.findall(r"gfx[0-9a-f]{3,5}", env.get(_TARGETS, "")):
        return sorted(set(named))
    if usable := sorted({device.architecture for device in devices if device.problem is None}):
        return usable
    why = f": {devices[0].name}: {devices[0].problem}" if devices else ", no AMD GPU was found."
    raise RbeeError(
        ErrorCode.BACKEND_UNAVAILABLE,
        f"There is no GPU to build for{why}",
        f"`rbee hardware` tells more. For another machine's GPU set {_TARGETS} (such as gfx1100).",
    )


def compile_env(targets: Sequence[str], rocm: Rocm | None, env: Mapping[str, str]) -> dict[str, str]:
    """The targets in the words of xllamacpp and of PyTorch's extensions; where the libraries are found when it runs."""
    listed = ";".join(targets)
    found = {_TARGETS: listed, "PYTORCH_ROCM_ARCH": listed}
    if rocm is not None:  # AMD's packages do not all tell the system's loader of their folder
        found["LDFLAGS"] = f"{env.get('LDFLAGS', '')} -Wl,-rpath,{rocm.folder / 'lib'}".strip()
    return found


def _check_torch(targets: Sequence[str]) -> None:
    """PyTorch comes as wheels that bring ROCm's libraries along, for the targets they were built for."""
    if missing := [target for target in targets if target not in TORCH]:
        raise RbeeError(
            ErrorCode.BUILD_FAILED,
            f"PyTorch's wheels for ROCm have no code for {', '.join(missing)}.",
            "Run GGUF models on this GPU (llm-worker), or hide it with HIP_VISIBLE_DEVICES where there is another. On "
            "RDNA 2, HSA_OVERRIDE_GFX_VERSION=10.3.0 makes it gfx1030.",
        )


def needs() -> Needs:
    """What compiling a HIP engine takes: its kernels are large, for the compiler and on the disk."""
    return Needs(cmake="3.21", toolkit=TOOLKIT, disk=4 << 30, memory=2560 << 20, judge=_judge)


def _judge(toolkit: Toolkit) -> list[str]:
    if toolkit.compiler.version[:2] >= _OLDEST:
        return []
    return [f"ROCm is {'.'.join(map(str, toolkit.compiler.version[:2]))}; {'.'.join(map(str, _OLDEST))} is needed"]
