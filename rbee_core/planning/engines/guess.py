"""A cautious guess for engines that nothing is known of."""

from __future__ import annotations

from dataclasses import replace

from ..amounts import Demand, Estimate, Part
from ..shape import ModelShape
from . import llama_cpp


def estimate(backend: str, shape: ModelShape, demand: Demand, split: tuple[int, ...]) -> Estimate:
    """Weights, a KV cache of 16-bit numbers, and a tenth more."""
    found = llama_cpp.estimate(backend, shape, replace(demand, kv_type="f16"), split)

    def more(part: Part) -> Part:
        return replace(part, compute=(part.weights + part.kv) // 10)

    notes = ("how this engine uses memory is not known: weights, a 16-bit KV cache and a tenth more are counted",)
    return Estimate(more(found.host), tuple(more(part) for part in found.gpus), notes)
