"""What macOS tells about its GPUs: ``system_profiler``, ``sysctl``, and Metal itself.

Sources: ``man system_profiler`` and its output for SPDisplaysDataType as published for many Macs; ``man sysctl``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rbee_core.probing import Host, tidy, to_count

_MEGABYTES = {"MB": 1 << 20, "GB": 1 << 30}


@dataclass(frozen=True, slots=True)
class Adapter:
    """A GPU as the system lists it. ``metal`` is the version it supports (``"3"``), ``memory`` its own, in bytes."""

    name: str
    vendor: str
    cores: int | None
    metal: str | None
    memory: int | None
    shared: bool

    @property
    def is_apple(self) -> bool:
        """Whether it is part of one of Apple's chips."""
        return self.vendor == "apple" or self.name.startswith("Apple M")


@dataclass(frozen=True, slots=True)
class Answer:
    """What Metal says of its default GPU. ``limit`` is ``recommendedMaxWorkingSetSize``, in bytes."""

    name: str
    limit: int
    unified: bool
    families: frozenset[str]


def adapters(host: Host) -> list[Adapter]:
    """The GPUs, as ``system_profiler`` lists them."""
    text = host.tool(["system_profiler", "-json", "SPDisplaysDataType"]) or ""
    return [adapter for row in _rows(text) if (adapter := _adapter(row)).name]


def ask_metal(host: Host) -> Answer | None:
    """What Metal says; ``None`` when it has no GPU or could not be asked."""
    data = _json(host.tool([sys.executable, "-I", str(Path(__file__).with_name("probe.py"))]) or "")
    if not isinstance(data, dict):
        return None
    limit, families = data.get("recommendedMaxWorkingSetSize"), data.get("families")
    if not isinstance(limit, int) or not 0 < limit < 1 << 50:
        return None
    known = frozenset(str(family) for family in families) if isinstance(families, list) else frozenset()
    return Answer(tidy(str(data.get("name"))), limit, data.get("hasUnifiedMemory") is True, known)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _rows(text: str) -> Iterator[dict[str, Any]]:
    data = _json(text)
    rows = data.get("SPDisplaysDataType") if isinstance(data, dict) else None
    yield from (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()


def _adapter(row: dict[str, Any]) -> Adapter:
    def text(*keys: str) -> str:
        return next((tidy(str(row[key])) for key in keys if row.get(key)), "")

    own, shared = _bytes(text("spdisplays_vram")), _bytes(text("spdisplays_vram_shared", "_spdisplays_vram"))
    # Older and newer systems call it differently: spdisplays_metal3, spdisplays_metal3family, "Metal 3".
    metal = re.search(r"metal ?(\d)", text("spdisplays_mtlgpufamilysupport", "spdisplays_metal").lower())
    return Adapter(
        name=text("sppci_model", "_name"),
        vendor=text("spdisplays_vendor").lower().removeprefix("sppci_vendor_").partition(" ")[0],
        cores=to_count(text("sppci_cores")),
        metal=metal[1] if metal else None,
        memory=own or shared,
        shared=own is None,
    )


def _bytes(text: str) -> int | None:
    """Of ``4 GB``, ``1536 MB``, ``Dynamic, Max: 1536 MB``."""
    match = re.search(r"(\d{1,7}) ?(MB|GB)\b", text)
    return int(match[1]) * _MEGABYTES[match[2]] if match else None
