"""What a model needs on PyTorch."""

from __future__ import annotations

from ..amounts import Demand, Estimate
from ..shape import ModelShape
from . import guess


def estimate(backend: str, shape: ModelShape, demand: Demand, split: tuple[int, ...]) -> Estimate:
    """See `rbee_core.planning.memory.estimate`."""
    return guess.estimate(backend, shape, demand, split)
