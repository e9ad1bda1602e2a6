"""AMD GPUs as `Device` objects."""

from __future__ import annotations

import re

from rbee_core.contracts import Device
from rbee_core.probing import Host, read_text, tidy

from .absent import IN_A_CONTAINER, no_device_file, not_for, nothing_found, unavailable
from .install import Rocm, installed, no_code
from .kfd import Node, gfx_name, gpu_nodes
from .memory import memory_of
from .names import product_names
from .targets import features_of, is_integrated
from .visible import HIP, visible

_OVERRIDE = "HSA_OVERRIDE_GFX_VERSION"


def detect(host: Host) -> list[Device]:
    """This machine's AMD GPUs: usable ones first, cards before processors' graphics, then by memory.

    ``architecture`` is the target that programs see, so the one that ``HSA_OVERRIDE_GFX_VERSION`` names where that is
    set; ``gfxTarget`` is the GPU's own. ``computeUnits``, ``pciAddress`` and, where it has one, ``uuid`` go with it.

    :raises RbeeError: ``BACKEND_UNAVAILABLE`` with why there is none, and what to do.
    """
    if (error := not_for(host)) is not None:
        raise error
    nodes = gpu_nodes(host.root)
    if not nodes:
        raise nothing_found(host)
    if (error := no_device_file(host)) is not None:
        raise error
    # The runtime leaves out, and does not count, those whose device file was not given to this container.
    given = [node for node in nodes if (host.root / "dev/dri" / node.render).exists()]
    if not given:
        missing = ", ".join(f"/dev/dri/{node.render}" for node in nodes)
        raise unavailable(f"An AMD GPU is there, but not its device file {missing}: {IN_A_CONTAINER}")
    seen, hidden = visible(given, host.env)
    if not seen:
        count = "the AMD GPU" if len(given) == 1 else f"all {len(given)} AMD GPUs"
        raise unavailable(f"{hidden}={host.env.get(hidden)!r} hides {count}: unset it, or name one, such as 0.")
    return _devices(host, seen)


def _devices(host: Host, seen: list[tuple[int, Node]]) -> list[Device]:
    rocm = installed(host)
    names = product_names(host, [node for _, node in seen])
    found = [_device(host, rocm, number, node, names[node.index]) for number, node in seen]
    found.sort(key=lambda device: (device.problem is not None, "integrated" in device.features, -device.memory_total))
    return [device.model_copy(update={"id": f"GPU-{index}"}) for index, device in enumerate(found)]


def _device(host: Host, rocm: Rocm | None, number: int, node: Node, name: str) -> Device:
    gfx, problem = _effective(host, node)
    integrated = is_integrated(node.gfx, node.device_id)
    memory = memory_of(host.root, node, integrated=integrated)
    problem = _access(host, node) or problem or no_code(gfx, rocm)
    extra: dict[str, object] = {"uuid": node.uuid} if node.uuid else {}
    return Device.model_validate(
        {
            "id": f"GPU-{number}",
            "backend": "rocm",
            "name": name if gfx == node.gfx else f"{name} ({node.gfx}, run as {gfx})",
            "memoryTotal": memory.total,
            "memoryFree": memory.free,
            "driver": _driver(host),
            "architecture": gfx,
            "features": sorted([*features_of(gfx), *(["integrated"] if integrated else [])]),
            "runtime": rocm.version if rocm else None,
            "unifiedMemory": memory.shared,
            "selector": {HIP: str(number)},
            "problem": problem,
            "gfxTarget": node.gfx,
            "computeUnits": node.compute_units,
            "pciAddress": node.address,
            **extra,
        }
    )


def _effective(host: Host, node: Node) -> tuple[str, str | None]:
    """The target that programs see, and what is wrong with the variable that says so."""
    name = f"{_OVERRIDE}_{node.index}" if f"{_OVERRIDE}_{node.index}" in host.env else _OVERRIDE
    value = host.env.get(name)
    if value is None:
        return node.gfx, None
    match = re.fullmatch(r"\s*(\d{1,2})\.\s*(\d{1,2})\.\s*(\d{1,2})", value)
    gfx = gfx_name(int(match[1]) * 10000 + int(match[2]) * 100 + int(match[3])) if match else None
    if gfx is None:
        return (
            node.gfx,
            f"{name}={tidy(value, 40)!r} is not a version such as 10.3.0, and ROCm will not start: unset it.",
        )
    return gfx, None


def _access(host: Host, node: Node) -> str | None:
    """What keeps this process from using the GPU."""
    files = [host.root / "dev/kfd", host.root / "dev/dri" / node.render]
    shut = ["/" + file.relative_to(host.root).as_posix() for file in files if not host.may_use(file)]
    if not shut:
        return None
    return (
        f"No permission for {' and '.join(shut)}. Join the groups that may: `sudo usermod -aG render,video $USER`, "
        "then log in again; in a container: --group-add render --group-add video."
    )


def _driver(host: Host) -> str | None:
    """AMD's own driver has a version; the kernel's is the kernel's."""
    for path in ("sys/module/amdgpu/version", "proc/sys/kernel/osrelease"):
        if text := tidy(read_text(host.root / path), 80):
            return text
    return None
