"""The GPUs as the CUDA driver API (libcuda) tells them, through ctypes: where NVML is not there.

That is so on Jetson boards, and in containers that were given the driver's compute libraries only. Source: NVIDIA's
CUDA driver API reference. `ask` sees what ``CUDA_VISIBLE_DEVICES`` leaves, in CUDA's own order.
"""

from __future__ import annotations

import ctypes
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rbee_core.probing import tidy

from .found import Gpu, NoAnswerError, System, bandwidth, cuda_version
from .host import LIBRARY_FOLDERS, mismatch, module_version, not_loaded

_NO_DEVICE, _STUB, _NOT_READY, _MISMATCH, _UNKNOWN = 100, 34, 802, 803, 999
#: CUdevice_attribute.
_INTEGRATED, _CLOCK_KHZ, _BUS_BITS, _MAJOR, _MINOR, _COMPUTE_MODE = 18, 36, 37, 75, 76, 20
_PROHIBITED = 2


def ask(root: Path) -> System:
    """The GPUs that CUDA shows this process.

    Free memory of a card cannot be had without a context (some hundred MB on the card, for a moment): it is what is
    free beside that. Of an integrated GPU the machine's own memory counts, and no context is made.

    :param root: where the folders of the system are.
    :raises NoAnswerError: the library is not there, or does not answer.
    """
    cuda = _start(root)
    number = ctypes.c_int()
    _call(cuda, "cuDriverGetVersion", ctypes.byref(number))
    found = System(driver=module_version(root), runtime=cuda_version(number.value))
    count = ctypes.c_int()
    if not _call(cuda, "cuDeviceGetCount", ctypes.byref(count)):
        return found
    for ordinal in range(count.value):
        device = ctypes.c_int()
        if _call(cuda, "cuDeviceGet", ctypes.byref(device), ordinal):
            found.gpus.append(_gpu(cuda, ordinal, device.value))
    return found


def visible(root: Path) -> list[str]:
    """The UUIDs of the GPUs that CUDA shows this process, in its order.

    :raises NoAnswerError: as `ask`.
    """
    cuda = _start(root)
    count = ctypes.c_int()
    _call(cuda, "cuDeviceGetCount", ctypes.byref(count))
    found = []
    for ordinal in range(count.value):
        device = ctypes.c_int()
        name = _uuid(cuda, device.value) if _call(cuda, "cuDeviceGet", ctypes.byref(device), ordinal) else None
        if name is None:
            raise NoAnswerError("The CUDA driver does not name its devices.")
        found.append(name)
    return found


def has_driver(root: Path = Path("/")) -> bool:
    """Whether the driver's library is here, which all that is compiled with CUDA needs to be loaded."""
    try:
        _load(root)
    except NoAnswerError:
        return False
    return True


def _start(root: Path) -> Any:
    cuda = _load(root)
    code = cuda.cuInit(0)
    if code == _MISMATCH:
        raise NoAnswerError(mismatch(root), final=True)
    if code == _STUB:
        raise NoAnswerError("The libcuda that was found is the CUDA toolkit's stub: take it out of LD_LIBRARY_PATH.")
    if code == _NOT_READY:
        raise NoAnswerError(
            "The GPUs are not ready (CUDA error 802): start the fabric manager (sudo systemctl start "
            "nvidia-fabricmanager), of the driver's own version."
        )
    if code == _NO_DEVICE:
        raise NoAnswerError(not_loaded(root) if module_version(root) is None else "The driver shows CUDA no device.")
    if code == _UNKNOWN:
        raise NoAnswerError(
            "CUDA does not start (error 999), often so after the machine slept: sudo rmmod nvidia_uvm; "
            "sudo modprobe nvidia_uvm; otherwise reboot."
        )
    if code != 0:
        raise NoAnswerError(f"CUDA does not start: error {code} of cuInit.")
    return cuda


def _load(root: Path) -> Any:
    if sys.platform == "win32":
        names = ["nvcuda.dll"]
    else:
        folders = (*LIBRARY_FOLDERS, "usr/lib/aarch64-linux-gnu/nvidia", "usr/lib/aarch64-linux-gnu/tegra")
        names = ["libcuda.so.1", *(str(root / folder / "libcuda.so.1") for folder in folders)]
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    raise NoAnswerError("The CUDA driver's library (libcuda) is not there.", missing=True)


def _call(cuda: Any, name: str, *arguments: Any) -> bool:
    """Whether a function is there and succeeds. ABI changes are in the names: the newest there is counts."""
    for suffix in ("_v2", ""):
        try:
            function = getattr(cuda, name + suffix)
        except AttributeError:
            continue
        return bool(function(*arguments) == 0)
    return False


def _attribute(cuda: Any, device: int, attribute: int) -> int:
    value = ctypes.c_int()
    return value.value if _call(cuda, "cuDeviceGetAttribute", ctypes.byref(value), attribute, device) else 0


def _uuid(cuda: Any, device: int) -> str | None:
    raw = (ctypes.c_ubyte * 16)()
    if not _call(cuda, "cuDeviceGetUuid", ctypes.byref(raw), device):
        return None
    return f"GPU-{uuid.UUID(bytes=bytes(raw))}"


def _gpu(cuda: Any, ordinal: int, device: int) -> Gpu:
    name, pci = ctypes.create_string_buffer(256), ctypes.create_string_buffer(32)
    total = ctypes.c_size_t()
    gpu = Gpu(ordinal, f"NVIDIA GPU {ordinal}", uuid=_uuid(cuda, device))
    if _call(cuda, "cuDeviceGetName", name, 255, device):
        gpu.name = tidy(name.value.decode("utf-8", "replace")) or gpu.name
    if _call(cuda, "cuDeviceGetPCIBusId", pci, 31, device):
        gpu.pci = pci.value.decode("ascii", "replace")
    major, minor = _attribute(cuda, device, _MAJOR), _attribute(cuda, device, _MINOR)
    gpu.capability = (major, minor) if major else None
    gpu.unified = bool(_attribute(cuda, device, _INTEGRATED))
    if not gpu.unified:  # the clocks that integrated GPUs tell are not their memory's
        gpu.bandwidth = bandwidth(_attribute(cuda, device, _CLOCK_KHZ) * 1000, _attribute(cuda, device, _BUS_BITS))
    if _attribute(cuda, device, _COMPUTE_MODE) == _PROHIBITED:
        gpu.problem = f"Its compute mode is Prohibited; allow it: sudo nvidia-smi -i {ordinal} -c DEFAULT"
    if _call(cuda, "cuDeviceTotalMem", ctypes.byref(total), device):
        gpu.total = total.value
    if not gpu.unified and not gpu.problem:
        with _context(cuda, device) as made:
            free, all_of_it = ctypes.c_size_t(), ctypes.c_size_t()
            if made and _call(cuda, "cuMemGetInfo", ctypes.byref(free), ctypes.byref(all_of_it)):
                gpu.free = free.value
            else:
                gpu.problem = "CUDA makes no context on it: other processes may have filled it, or it must be reset."
    return gpu


@contextmanager
def _context(cuda: Any, device: int) -> Iterator[bool]:
    """The device's own context, current in this thread; ``False`` if it cannot be had."""
    context = ctypes.c_void_p()
    made = _call(cuda, "cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    try:
        yield made and _call(cuda, "cuCtxPushCurrent", context)
    finally:
        if made:
            _call(cuda, "cuCtxPopCurrent", ctypes.byref(context))
            _call(cuda, "cuDevicePrimaryCtxRelease", device)
