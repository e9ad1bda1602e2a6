"""What the kernel tells of Intel's NPUs.

Source: Linux, ``drivers/accel/ivpu``: the PCI ids in ``ivpu_drv.h``, the files in
``ivpu_sysfs.c``. The NPU computes in the machine's own memory.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from rbee_core import ErrorCode, RbeeError
from rbee_core.cgroups import memory_limits
from rbee_core.contracts import Device
from rbee_core.probing import Host, read_count, read_kibibytes, read_table, read_text, tidy

#: PCI device → the processors that have it, and the generation that compilers of models call it by.
NPUS = {
    "7D1D": ("Meteor Lake", "npu-3720"),
    "AD1D": ("Arrow Lake", "npu-3720"),
    "643E": ("Lunar Lake", "npu-4000"),
    "B03E": ("Panther Lake", "npu-5010"),
}
#: The part of the driver that programs load. It comes apart from the kernel's.
_LIBRARIES = ("libze_intel_npu.so.1", "libze_intel_vpu.so.1")
_LIBRARY_FOLDERS = ("usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/lib", "usr/local/lib")


def this_host() -> Host:
    """This machine; ``RBEE_NPU_ROOT`` says where its ``/sys``, ``/proc`` and ``/dev`` are, if not in ``/``."""
    return replace(Host(), root=Path(os.environ.get("RBEE_NPU_ROOT") or "/"))


def detect(host: Host) -> list[Device]:
    """The NPUs; one that cannot be used says why in ``problem``.

    :raises RbeeError: ``BACKEND_UNAVAILABLE``: there is none, and why.
    """
    if host.system != "linux":
        raise _unavailable("Intel's NPUs are used on Linux only.")
    found = [folder for folder in _folders(host.root / "sys/class/accel") if _driver(folder / "device") == "intel_vpu"]
    if not found:
        raise _nothing(host.root)
    return [_device(host, number, folder) for number, folder in enumerate(found)]


def _device(host: Host, number: int, folder: Path) -> Device:
    pci = folder / "device"
    chip = read_table(pci / "uevent", "=").get("PCI_ID", "").upper().removeprefix("8086:")
    processor, generation = NPUS.get(chip, ("a newer processor", "npu"))
    total, free = _memory(host.root)
    speed = read_count(pci / "npu_max_frequency_mhz")
    return Device.model_validate(
        {
            "id": f"GPU-{number}",
            "backend": "intel-npu",
            "name": f"Intel NPU of {processor}",
            "memoryTotal": total,
            "memoryFree": free,
            "architecture": generation,
            "driver": tidy(read_text(host.root / "proc/sys/kernel/osrelease"), 80) or None,
            "unifiedMemory": True,
            "problem": _problem(host, f"/dev/accel/{folder.name}"),
            **({"megahertz": speed} if speed else {}),
        }
    )


def _problem(host: Host, file: str) -> str | None:
    path = host.root / file.lstrip("/")
    if not path.exists():
        return f"{file} is not there: start the container with --device /dev/accel"
    if not host.may_use(path):
        return f"No permission for {file}: `sudo usermod -aG render $USER`, then log in again."
    if not any((host.root / folder / name).exists() for folder in _LIBRARY_FOLDERS for name in _LIBRARIES):
        return f"The driver's library {_LIBRARIES[0]} is missing: install Intel's linux-npu-driver."
    return None


def _memory(root: Path) -> tuple[int, int]:
    """The machine's memory, in all and free; what a container may have, if that is less."""
    total = read_kibibytes(root / "proc/meminfo", "MemTotal") or 0
    free = read_kibibytes(root / "proc/meminfo", "MemAvailable") or 0
    for group in memory_limits(root):
        total, free = min(total, group.limit), min(free, group.free)
    return total, min(free, total)


def _nothing(root: Path) -> RbeeError:
    for folder in _folders(root / "sys/bus/pci/devices"):
        vendor, _, chip = read_table(folder / "uevent", "=").get("PCI_ID", "").upper().partition(":")
        if vendor == "8086" and chip in NPUS:
            return _unavailable(
                f"An Intel NPU is there ({folder.name}), but not its driver: `sudo modprobe intel_vpu`, "
                "and look into `sudo dmesg`. It needs Linux 6.3 or newer, and the firmware."
            )
    return _unavailable("No Intel NPU was found.")


def _driver(folder: Path) -> str | None:
    return read_table(folder / "uevent", "=").get("DRIVER")


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(path.iterdir())
    except OSError:
        return []


def _unavailable(reason: str) -> RbeeError:
    return RbeeError(ErrorCode.BACKEND_UNAVAILABLE, reason)
