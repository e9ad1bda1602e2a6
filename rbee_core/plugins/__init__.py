"""Plugins: found by their metadata, chosen by name, imported only when used (design §2).

Importing this package costs nothing; each public name is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .detection import detect_all
    from .loaded import LoadedBackend, LoadedVendor
    from .manager import PluginManager
    from .records import PluginRecord, discover

__all__ = ["LoadedBackend", "LoadedVendor", "PluginManager", "PluginRecord", "detect_all", "discover"]

_HOMES = {
    "LoadedBackend": "loaded",
    "LoadedVendor": "loaded",
    "PluginManager": "manager",
    "PluginRecord": "records",
    "detect_all": "detection",
    "discover": "records",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
