"""The GPUs as NVML (libnvidia-ml) tells them, through nvidia-ml-py. Source: NVIDIA's NVML API reference.

No CUDA context is made, so nothing of the GPUs' memory is used by asking.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from rbee_core.probing import tidy

from .found import Gpu, NoAnswerError, System, bandwidth, cuda_version, runtime_of
from .host import LIBRARY_FOLDERS, mismatch, not_loaded, not_permitted

T = TypeVar("T")

_NO_INSTANCE = (
    "MIG mode is on, but no instance was made. Make some (sudo nvidia-smi mig -cgi … -C), or turn the mode off "
    "(sudo nvidia-smi -mig 0)."
)
#: Links that one GPU can have (NVML_NVLINK_MAX_LINKS).
_LINKS = 18


def ask(root: Path) -> System:
    """All GPUs that this process may use.

    :param root: where the folders of the system are.
    :raises NoAnswerError: NVML is not there, or does not answer.
    """
    try:
        import pynvml as nvml
    except Exception as error:  # noqa: BLE001 - another distribution of that name may raise anything
        raise NoAnswerError(f"nvidia-ml-py cannot be imported ({error}): reinstall rbee-backend-cuda.") from None
    _preload(root)
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        raise _refusal(nvml, error, root) from None
    try:
        return _system(nvml, root)
    except nvml.NVMLError as error:
        raise _refusal(nvml, error, root) from None
    finally:
        _maybe(nvml, nvml.nvmlShutdown)


def _preload(root: Path) -> None:
    """Load the library from where the loader may not look: NVML is then found by its name."""
    for folder in LIBRARY_FOLDERS:
        library = root / folder / "libnvidia-ml.so.1"
        if library.is_file():
            try:
                ctypes.CDLL("libnvidia-ml.so.1")
            except OSError:
                try:
                    ctypes.CDLL(str(library))
                except OSError:
                    continue
            return


def _refusal(nvml: Any, error: Any, root: Path) -> NoAnswerError:
    """What NVML's refusal means for the user."""
    code = error.value
    if code == nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        return NoAnswerError(mismatch(root), final=True)
    if code == nvml.NVML_ERROR_DRIVER_NOT_LOADED:
        return NoAnswerError(not_loaded(root), final=True)
    if code == nvml.NVML_ERROR_NO_PERMISSION:
        return NoAnswerError(not_permitted(root), final=True)
    return NoAnswerError(f"NVML does not answer: {error}.", missing=code == nvml.NVML_ERROR_LIBRARY_NOT_FOUND)


def _maybe(nvml: Any, function: Callable[..., T], *arguments: Any) -> T | None:
    """What a function answers; ``None`` if this GPU, or this version of the driver, does not know."""
    try:
        return function(*arguments)
    except (nvml.NVMLError, ValueError):  # the latter for text that is not UTF-8
        return None


def _system(nvml: Any, root: Path) -> System:
    found = System(driver=_maybe(nvml, nvml.nvmlSystemGetDriverVersion))
    for name in ("nvmlSystemGetCudaDriverVersion_v2", "nvmlSystemGetCudaDriverVersion"):
        number = _maybe(nvml, getattr(nvml, name))
        if number and found.runtime is None:
            found.runtime = cuda_version(int(number))
    found.runtime = found.runtime or runtime_of(found.driver or "")
    hidden = 0
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
        except nvml.NVMLError as error:
            if error.value == nvml.NVML_ERROR_NO_PERMISSION:
                hidden += 1  # given to another container or job
            else:
                found.gpus.append(_failing(index, str(error)))
            continue
        found.gpus.append(_gpu(nvml, index, handle))
    if hidden and not found.gpus:
        raise NoAnswerError(not_permitted(root), final=True)
    return found


def _failing(index: int, error: str) -> Gpu:
    problem = f"It does not answer ({error}): reboot, or reset it (sudo nvidia-smi --gpu-reset -i {index})."
    return Gpu(index, f"NVIDIA GPU {index}", total=0, free=0, problem=problem)


def _gpu(nvml: Any, index: int, handle: Any) -> Gpu:
    name = _maybe(nvml, nvml.nvmlDeviceGetName, handle)
    pci = _maybe(nvml, nvml.nvmlDeviceGetPciInfo_v3, handle)
    gpu = Gpu(
        index,
        tidy(name) or f"NVIDIA GPU {index}",
        uuid=_maybe(nvml, nvml.nvmlDeviceGetUUID, handle),
        pci=_text(pci.busId) if pci else None,
        capability=_maybe(nvml, nvml.nvmlDeviceGetCudaComputeCapability, handle),
        bandwidth=_bandwidth(nvml, handle),
        nvlink=any(_maybe(nvml, nvml.nvmlDeviceGetNvLinkState, handle, link) == 1 for link in range(_LINKS)),
    )
    _fill_memory(nvml, gpu, handle)
    if _maybe(nvml, nvml.nvmlDeviceGetComputeMode, handle) == nvml.NVML_COMPUTEMODE_PROHIBITED:
        gpu.problem = f"Its compute mode is Prohibited; allow it: sudo nvidia-smi -i {index} -c DEFAULT"
    mode = _maybe(nvml, nvml.nvmlDeviceGetMigMode, handle)
    if mode and mode[0] == nvml.NVML_DEVICE_MIG_ENABLE:
        gpu.mig = True
        gpu.parts = _instances(nvml, gpu, handle)
        if not gpu.parts:
            gpu.problem = _NO_INSTANCE
    return gpu


def _fill_memory(nvml: Any, gpu: Gpu, handle: Any) -> None:
    """Total and free bytes. Of a GPU in the machine's own memory NVML tells none, and ``unified`` is set."""
    try:
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    except nvml.NVMLError as error:
        if error.value == nvml.NVML_ERROR_NOT_SUPPORTED:
            gpu.unified = True
        elif error.value in (nvml.NVML_ERROR_GPU_IS_LOST, nvml.NVML_ERROR_RESET_REQUIRED, nvml.NVML_ERROR_UNKNOWN):
            gpu.problem = _failing(gpu.index, str(error)).problem
        return
    gpu.total, gpu.free = int(memory.total), int(memory.free)


def _bandwidth(nvml: Any, handle: Any) -> int | None:
    clock = _maybe(nvml, nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_MEM)  # MHz
    width = _maybe(nvml, nvml.nvmlDeviceGetMemoryBusWidth, handle)  # bits
    return bandwidth(int(clock) * 1_000_000, int(width)) if clock and width else None


def _instances(nvml: Any, parent: Gpu, handle: Any) -> list[Gpu]:
    """The MIG instances of a GPU; places between them may be free."""
    parts = []
    for index in range(int(_maybe(nvml, nvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0)):
        instance = _maybe(nvml, nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index)
        uuid = _maybe(nvml, nvml.nvmlDeviceGetUUID, instance) if instance is not None else None
        if uuid is None:
            continue
        name = _maybe(nvml, nvml.nvmlDeviceGetName, instance) or parent.name
        part = Gpu(parent.index, tidy(name), uuid, parent.pci, capability=parent.capability, mig=True)
        if "MIG" not in part.name:
            part.name += f" MIG {index}"
        _fill_memory(nvml, part, instance)
        part.unified = False
        parts.append(part)
    return parts


def _text(value: bytes | str) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value
