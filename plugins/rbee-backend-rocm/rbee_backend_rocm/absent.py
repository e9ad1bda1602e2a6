"""Why there is no AMD GPU to compute on, and what to do about it.

Sources: AMD, "Running ROCm Docker containers" (the devices a container needs) and "Prerequisites" (the groups); the
kernel's ``Kconfig`` of amdkfd.
"""

from __future__ import annotations

from pathlib import Path

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.probing import Host, read_table

from .kfd import has_topology

_AMD = "1002:"
#: PCI classes of display controllers and of accelerators without an output.
_CLASSES = ("03", "12")
#: What a container needs.
IN_A_CONTAINER = "start the container with: --device /dev/kfd --device /dev/dri"


def unavailable(message: str) -> RbeeError:
    """Why there is no device."""
    return RbeeError(ErrorCode.BACKEND_UNAVAILABLE, message)


def not_for(host: Host) -> RbeeError | None:
    """Why ROCm is nothing for this kind of machine."""
    if host.system == "darwin":
        return unavailable("ROCm is for Linux; the GPUs of Macs are those of the backend metal.")
    if host.system != "linux":
        return unavailable("rbee uses ROCm on Linux only: here AMD's GPUs are not used, the CPU can be.")
    if host.architecture != "x86_64":
        return unavailable(f"ROCm is for x86_64 processors; AMD has no build of it for {host.architecture}.")
    return None


def nothing_found(host: Host) -> RbeeError:
    """Why KFD shows no GPU."""
    root = host.root
    if (root / "dev/dxg").exists():
        return unavailable(
            "This is WSL, where a GPU is reached through /dev/dxg. rbee uses ROCm through the kernel's KFD only, which "
            "WSL does not have: use the CPU here, or start Linux itself."
        )
    gpus = _pci_gpus(root)
    for address, driver in gpus.items():
        if driver is None:
            return unavailable(
                f"An AMD GPU is there ({address}) but no driver has it: load it with `sudo modprobe amdgpu`, and look "
                "into `sudo dmesg` for what amdgpu says."
            )
        if driver != "amdgpu":
            return unavailable(f"The AMD GPU {address} is used by the driver {driver}; ROCm needs amdgpu.")
    if not gpus:
        return unavailable("No AMD GPU was found.")
    if not has_topology(root):
        return unavailable(
            "An AMD GPU and its driver amdgpu are there, but this kernel was built without KFD, which ROCm needs "
            "(CONFIG_HSA_AMD): use a kernel of the distribution, or AMD's amdgpu-dkms."
        )
    addresses = ", ".join(gpus)
    return unavailable(
        f"The driver has an AMD GPU ({addresses}), but none to compute on here: it is too old for KFD, or this "
        f"container was not given it; for the latter, {IN_A_CONTAINER}"
    )


def no_device_file(host: Host) -> RbeeError | None:
    """Why the GPUs that the kernel has cannot be reached from here at all."""
    if not (host.root / "dev/kfd").exists():
        return unavailable(f"An AMD GPU is there, but /dev/kfd is not: {IN_A_CONTAINER}")
    if not (host.root / "dev/dri").is_dir():
        return unavailable(f"An AMD GPU is there, but /dev/dri is not: {IN_A_CONTAINER}")
    return None


def _pci_gpus(root: Path) -> dict[str, str | None]:
    """PCI address → driver (``None`` without one) of every display controller and accelerator of AMD's."""
    found: dict[str, str | None] = {}
    try:
        folders = sorted((root / "sys/bus/pci/devices").iterdir())
    except OSError:
        return found
    for folder in folders:
        event = read_table(folder / "uevent", "=")
        kind = event.get("PCI_CLASS", "").rjust(6, "0")
        if event.get("PCI_ID", "").upper().startswith(_AMD) and kind.startswith(_CLASSES):
            found[folder.name] = event.get("DRIVER") or None
    return found
