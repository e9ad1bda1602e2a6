"""What the operating system itself tells of NVIDIA's hardware and driver, and what to say when they are not usable."""

from __future__ import annotations

from pathlib import Path

from rbee_core.cgroups import memory_limits
from rbee_core.probing import read_kibibytes, read_text

#: Folders with the driver's libraries, below the root, that the loader may not look into. WSL's is shared by Windows.
LIBRARY_FOLDERS = ("usr/lib/wsl/lib", "usr/local/nvidia/lib64", "usr/lib/nvidia", "run/opengl-driver/lib")

_NVIDIA, _DISPLAY = "0x10de", "0x03"


def read(path: Path) -> str:
    """A small file's text; empty if it is not there or cannot be read."""
    return read_text(path) or ""


def memory(root: Path) -> tuple[int | None, int | None]:
    """The machine's own memory in bytes, total and available: what integrated GPUs compute in.

    ``/proc/meminfo`` tells it, and limits of containers count.
    """
    file = root / "proc/meminfo"
    total, free = read_kibibytes(file, "MemTotal"), read_kibibytes(file, "MemAvailable")
    if total is None or free is None:
        return total, free
    groups = memory_limits(root)
    return min([total, *(group.limit for group in groups)]), min([free, *(group.free for group in groups)])


def nvidia_cards(root: Path) -> list[str]:
    """The PCI addresses of NVIDIA's display controllers, whether or not anything drives them."""
    folder = root / "sys/bus/pci/devices"
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        card.name
        for card in found
        if read(card / "vendor").strip() == _NVIDIA and read(card / "class").strip().startswith(_DISPLAY)
    ]


def module_version(root: Path) -> str | None:
    """The version of the kernel module that is loaded (``/proc/driver/nvidia/version``)."""
    line = read(root / "proc/driver/nvidia/version").partition("\n")[0]
    return next((word for word in line.split() if word[0].isdigit() and "." in word), None)


def in_container(root: Path) -> bool:
    """Whether this is the inside of a container."""
    marks = ("docker", "containerd", "kubepods", "libpod", "lxc")
    return (
        (root / ".dockerenv").exists()
        or (root / "run/.containerenv").exists()
        or any(mark in read(root / "proc/1/cgroup") for mark in marks)
    )


def in_wsl(root: Path) -> bool:
    """Whether this is Linux inside Windows (WSL 2)."""
    return (root / "dev/dxg").exists() or "microsoft" in read(root / "proc/sys/kernel/osrelease").lower()


def _kernel_module(root: Path) -> str:
    version = module_version(root)
    return f"the loaded kernel module is {version}" if version else "the loaded kernel module is of another version"


def mismatch(root: Path) -> str:
    """NVML 18: the driver was updated while the old module runs on."""
    if in_container(root):
        return (
            f"The NVIDIA driver's library and kernel module differ ({_kernel_module(root)}): the host's driver was "
            "updated since this container was started. Restart the container, or the host."
        )
    return (
        f"The NVIDIA driver's library and kernel module differ ({_kernel_module(root)}): the driver was updated. "
        "Reboot, or reload the module (sudo rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia; sudo modprobe nvidia)."
    )


def not_loaded(root: Path) -> str:
    """The libraries are here, the kernel module is not."""
    if in_container(root):
        return "The NVIDIA driver is not loaded on this container's host: load it there (sudo modprobe nvidia)."
    if in_wsl(root):
        return "Windows gives WSL no NVIDIA GPU: update the driver in Windows, then run: wsl --shutdown"
    return (
        "The NVIDIA driver is installed, but its kernel module is not loaded. Load it: sudo modprobe nvidia (with "
        "Secure Boot the module must be signed; after an update of the kernel it must be rebuilt)."
    )


def not_permitted(root: Path) -> str:
    """The device files may not be opened."""
    if in_container(root):
        return "This container may not use the NVIDIA GPUs: start it with them (docker run --gpus all …)."
    return (
        "You may not use the NVIDIA GPUs: the files /dev/nvidia* are closed to you. Join their group "
        "(ls -l /dev/nvidiactl shows it, often 'video'), or ask for a GPU if a scheduler such as Slurm gives them out."
    )


def absent(root: Path) -> str:
    """No way of asking found a driver: why, by what the machine shows."""
    cards = nvidia_cards(root)
    if in_container(root) and (cards or module_version(root)):
        return (
            "This machine has an NVIDIA GPU, but this container does not: start it with the GPUs "
            "(docker run --gpus all …, podman run --device nvidia.com/gpu=all …; needs the NVIDIA Container Toolkit)."
        )
    if cards:
        place = cards[0] + (f" and {len(cards) - 1} more" if len(cards) > 1 else "")
        return (
            f"There is an NVIDIA GPU ({place}), but no driver for it. Install NVIDIA's driver (580 or newer is best)."
        )
    return "No NVIDIA GPU and no NVIDIA driver was found."
