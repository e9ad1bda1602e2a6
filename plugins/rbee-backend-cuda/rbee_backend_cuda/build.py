"""Building workers for NVIDIA's GPUs: what compiling needs, for which architectures, and which PyTorch."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rbee_core.contracts import Device, WorkerBinary, WorkerRecipe, WorkerVariant
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job
from rbee_core.workers import Needs, ToolkitSpec, build_pip_worker, merged_pip

from .driver_api import has_driver
from .found import Version
from .pytorch import build_for


def _library(name: str, suffix: str = ".so") -> tuple[str, ...]:
    """Where a library of the toolkit's lies, by the name that linkers look for: one with a number behind does not do.

    The compiler's own settings name ``lib64`` or ``targets``, and not ``lib``.
    """
    return (*(f"{folder}/lib{name}{suffix}" for folder in ("lib64", "lib/*", "targets/*/lib")), f"lib/x64/{name}.lib")


#: NVIDIA's toolkit, as its installers, its packages, Debian and Arch lay it out.
TOOLKIT = ToolkitSpec(
    name="CUDA",
    compiler="nvcc",
    root_variables=("CUDA_PATH", "CUDA_HOME"),
    compiler_variable="CUDACXX",
    folders=("/usr/local/cuda", "/usr/local/cuda-*", "/opt/cuda", "/usr/lib/cuda"),
    version=r"release (\d+\.\d+)",
    files={
        ("include/cuda_runtime.h", "targets/*/include/cuda_runtime.h"): "the runtime's headers (cuda_runtime.h)",
        ("include/cublas_v2.h", "targets/*/include/cublas_v2.h"): "cuBLAS's headers (cublas_v2.h)",
        _library("cudart"): "the runtime's library to link with (libcudart.so)",
        _library("cudart_static", ".a"): "the runtime's static library (libcudart_static.a)",
        _library("cublas"): "the library cuBLAS to link with (libcublas.so)",
        (
            *("lib64/stubs/libcuda.so", "lib/stubs/libcuda.so", "targets/*/lib/stubs/libcuda.so", "lib/x64/cuda.lib"),
            *("lib/*/stubs/libcuda.so", "/usr/lib/*/libcuda.so", "/usr/lib64/libcuda.so", "/usr/lib/libcuda.so"),
            "/usr/lib/wsl/lib/libcuda.so",
        ): "the driver's library to link with (stubs/libcuda.so)",
    },
    targets=("--list-gpu-code",),
    libraries=("lib64", "lib"),
    root=(("--dryrun", "-E", "-x", "cu", "/dev/null"), r"(?m)^#\$ TOP=(.+)$"),
    host_limits=("include/crt/host_config.h", {"gcc": r"__GNUC__ > (\d+)", "clang": r"__clang_major__ >= (\d+)"}),
    package="cuda",
)

#: Compute capability -> the first toolkit that compiles for it (CUDA toolkit release notes).
_FIRST: dict[Version, str] = {
    (7, 5): "10.0", (8, 0): "11.0", (8, 6): "11.1", (8, 7): "11.4", (8, 9): "11.8", (9, 0): "11.8", (10, 0): "12.8",
    (10, 3): "12.9", (11, 0): "13.0", (12, 0): "12.8", (12, 1): "12.9",
}  # fmt: skip
#: CUDA 13 compiles for Turing and newer.
_OLDEST_OF_13: Version = (7, 5)
#: Compute capabilities of Jetson modules, for which PyTorch publishes nothing.
_JETSON = {(5, 3), (6, 2), (7, 2), (8, 7)}


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
    if recipe.build.system != "pip" or not pip.made_for_devices:
        return {}
    usable = [device for device in devices if device.problem is None]
    backend = None
    if pip.torch_backend == "auto" and not os.environ.get("UV_TORCH_BACKEND"):
        backend = torch_backend(pip.requirements, _need(usable, devices))
    if not pip.from_source:
        return {"torch_backend": backend}
    capabilities = wanted_capabilities(_need(usable, devices) if not _named(os.environ) else usable, os.environ)
    return {
        "env": compile_env(capabilities),
        "needs": needs(capabilities, usable),
        "torch_backend": backend,
        # Who names architectures wants them compiled.
        "devices": [] if _named(os.environ) else usable,
        "untried": _untried(),
    }


def _untried() -> str | None:
    """Why a worker for a machine that is only said to be this one cannot be tried here."""
    if not os.environ.get("RBEE_FORCE_CUDA", "").strip() or has_driver():
        return None
    return "it is for the GPU that RBEE_FORCE_CUDA tells of, and there is no NVIDIA driver here"


def _need(usable: list[Device], devices: Sequence[Device]) -> list[Device]:
    if usable:
        return usable
    why = f": {devices[0].name}: {devices[0].problem}" if devices else ", no NVIDIA GPU was found."
    raise RbeeError(
        ErrorCode.BACKEND_UNAVAILABLE,
        f"There is no GPU to build for{why}",
        "`rbee hardware` tells more. For another machine's GPU set CUDA_ARCHITECTURES (such as 89).",
    )


def _named(env: Mapping[str, str]) -> list[str]:
    return re.findall(r"\d{2,3}", env.get("CUDA_ARCHITECTURES", ""))


def wanted_capabilities(devices: Sequence[Device], env: Mapping[str, str]) -> list[Version]:
    """The compute capabilities to compile for: those of ``CUDA_ARCHITECTURES``, else of the devices; sorted."""
    if named := _named(env):
        return sorted({(int(text[:-1]), int(text[-1])) for text in named})
    return sorted({capability for device in devices if (capability := _capability(device)) is not None})


def _capability(device: Device) -> Version | None:
    match = re.fullmatch(r"(\d{1,3})\.(\d)", device.compute_capability or "") or re.fullmatch(
        r"sm_(\d{1,2})(\d)[af]?", device.architecture
    )
    return (int(match[1]), int(match[2])) if match else None


def compile_env(capabilities: Sequence[Version]) -> dict[str, str]:
    """The architectures in the words of CMake, of xllamacpp and of PyTorch's extensions."""
    if not capabilities:
        return {}  # the engine's own choice: usually the GPUs that nvcc finds
    listed = ";".join("{}{}".format(*capability) for capability in capabilities)
    dotted = ";".join("{}.{}".format(*capability) for capability in capabilities)
    return {"CUDA_ARCHITECTURES": listed, "CUDAARCHS": listed, "TORCH_CUDA_ARCH_LIST": dotted}


def needs(capabilities: Sequence[Version], devices: Sequence[Device]) -> Needs:
    """What compiling a CUDA engine takes: its kernels are large, for the compiler and on the disk."""
    runtimes = [version for device in devices if (version := _version(device.runtime)) is not None]
    return Needs(
        cmake="3.18",
        toolkit=TOOLKIT,
        newest=min(runtimes, default=None),
        targets=["sm_{}{}".format(*capability) for capability in capabilities],
        target_hints={"sm_{}{}".format(*capability): _hint(capability) for capability in capabilities},
        disk=4 << 30,
        memory=2560 << 20,
    )


def _version(text: str | None) -> Version | None:
    match = re.fullmatch(r"(\d{1,3})\.(\d{1,3})", text or "")
    return (int(match[1]), int(match[2])) if match else None


def _hint(capability: Version) -> str:
    if capability < _OLDEST_OF_13:
        return "CUDA 12.x is the last that does (or hide that GPU: CUDA_VISIBLE_DEVICES)"
    return f"CUDA {_FIRST[capability]} or newer does" if capability in _FIRST else "a newer one may"


def torch_backend(requirements: Sequence[str], devices: Sequence[Device]) -> str:
    """Which of PyTorch's builds runs on these devices with this driver, in uv's words.

    :param requirements: which PyTorch is wanted.
    :param devices: the usable ones, the best first.
    :raises RbeeError: ``BUILD_FAILED``: there is none.
    """
    best = devices[0]
    capabilities = [capability for device in devices if (capability := _capability(device)) is not None]
    if capabilities[:1] and capabilities[0] in _JETSON:
        raise RbeeError(
            ErrorCode.BUILD_FAILED,
            "PyTorch publishes no build for Jetson modules.",
            "Download NVIDIA's wheel of it, and set UV_FIND_LINKS to the folder that has it.",
        )
    runtime = _version(best.runtime) or (13, 0)  # a device that was only described: a driver of today
    if (found := build_for(requirements, runtime, capabilities)) is None:
        raise RbeeError(
            ErrorCode.BUILD_FAILED,
            f"No build of PyTorch runs on {best.name} ({best.architecture}) with a driver for CUDA {best.runtime}.",
            "Update the driver (580 or newer is best), or run GGUF models on this GPU (llm-worker).",
        )
    return found
