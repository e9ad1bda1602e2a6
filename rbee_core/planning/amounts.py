"""What is asked of a run, and the memory it needs, by what it is for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of a worker: tokens per request, requests at once, how the KV cache is stored.

    ``context`` is 0 for a model that has none, since it is not one of language.
    """

    context: int
    parallel: int = 1
    kv_type: str = "f16"


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes on one device, by purpose.

    ``weights``: the tensors there. ``kv``: the KV cache, and the states of recurrent layers. ``compute``: what a
    graph's intermediate results need, and the outputs. ``overhead``: what the run time, the driver and the process need
    before any of that.
    """

    weights: int = 0
    kv: int = 0
    compute: int = 0
    overhead: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.kv + self.compute + self.overhead


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run needs on the host and on each GPU. ``notes`` say what is not known for sure."""

    host: Part
    gpus: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()
