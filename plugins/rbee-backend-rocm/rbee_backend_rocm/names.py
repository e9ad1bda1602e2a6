"""What a GPU is sold as: from the driver, libdrm's list, or the tools of ROCm, whichever has it.

Sources: the kernel's amdgpu documentation (``product_name``); libdrm, ``data/amdgpu.ids``; the outputs of ``rocminfo``
and ``amd-smi static --asic --bus --json``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from rbee_core.probing import Host, read_text, tidy

from .kfd import Node

_LISTS = ("usr/share/libdrm/amdgpu.ids", "opt/amdgpu/share/libdrm/amdgpu.ids")
#: What tools and lists call a GPU whose name they do not know.
_VAGUE = {"", "amd radeon graphics", "n/a", "unknown"}


def product_names(host: Host, nodes: Iterable[Node]) -> dict[int, str]:
    """Node number → name. The tools are started only when a name is still missing."""
    names: dict[int, str] = {}
    tools = cache(lambda: [_rocminfo(host), _amd_smi(host)])
    for node in nodes:
        name = _from_driver(host.root, node) or _from_lists(host.root, node)
        if not name:
            by_node, by_address = tools()
            name = _known(by_node.get(str(node.index))) or _known(by_address.get(node.address))
        names[node.index] = name or f"AMD GPU ({node.gfx})"
    return names


def _known(name: str | None) -> str:
    name = tidy(name)
    return "" if name.lower() in _VAGUE else name


def _from_driver(root: Path, node: Node) -> str:
    return _known(read_text(root / f"sys/class/drm/{node.render}/device/product_name"))


def _from_lists(root: Path, node: Node) -> str:
    """Lines of ``device, revision, name``; the numbers are in hexadecimal."""
    text = read_text(root / f"sys/class/drm/{node.render}/device/revision") or ""
    revision = _hex(text)
    for path in _LISTS:
        for line in (read_text(root / path) or "").splitlines():
            device, _, rest = line.partition(",")
            which, _, name = rest.partition(",")
            if revision is not None and _hex(device) == node.device_id and _hex(which) == revision:
                return _known(name)
    return ""


def _hex(text: str) -> int | None:
    text = text.strip().lower().removeprefix("0x")
    return int(text, 16) if re.fullmatch(r"[0-9a-f]{1,8}", text) else None


def _rocminfo(host: Host) -> dict[str, str]:
    """Node number → name, out of the blocks that ``rocminfo`` prints, one per agent."""
    found: dict[str, str] = {}
    for block in re.split(r"\n\*{3,}\s*\nAgent", host.tool(["rocminfo"]) or ""):
        fields = dict(re.findall(r"^  ([A-Z][A-Za-z ]*):[ \t]+(.*?)[ \t]*$", block, re.MULTILINE))
        if fields.get("Device Type") == "GPU" and "Node" in fields:
            found[fields["Node"]] = fields.get("Marketing Name", "")
    return found


def _amd_smi(host: Host) -> dict[str, str]:
    """PCI address → name. Newer releases put the list into an object."""
    text = host.tool(["amd-smi", "static", "--asic", "--bus", "--json"]) or ""
    try:
        data = json.loads(text[text.find("{") if text.lstrip().startswith("{") else text.find("[") :])
    except (ValueError, RecursionError):
        return {}
    rows = data.get("gpu_data") if isinstance(data, dict) else data
    found: dict[str, str] = {}
    for row in rows if isinstance(rows, list) else []:
        asic, bus = (row.get("asic"), row.get("bus")) if isinstance(row, dict) else (None, None)
        if isinstance(asic, dict) and isinstance(bus, dict):
            found[str(bus.get("bdf")).lower()] = str(asic.get("market_name"))
    return found
