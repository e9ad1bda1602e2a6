"""Which worker runs a model on which device, with how much memory, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .memory import Demand, Estimate, Part, estimate
from .shape import Layer, ModelFile, ModelShape, OpenRange, read_shape

if TYPE_CHECKING:
    from .candidates import Request
    from .plan import Plan

__all__ = [
    "Demand",
    "Estimate",
    "Layer",
    "ModelFile",
    "ModelShape",
    "OpenRange",
    "Part",
    "Plan",
    "Request",
    "estimate",
    "read_shape",
]

_HOMES = {"Plan": "plan", "Request": "candidates"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
