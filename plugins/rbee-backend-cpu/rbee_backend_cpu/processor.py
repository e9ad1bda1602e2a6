"""What a processor is, whichever system tells."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NumaNode:
    """Memory with the processors that are near to it; ``memory`` in bytes, ``processors`` counts logical ones."""

    id: int
    processors: int
    memory: int


@dataclass(frozen=True, slots=True)
class Processor:
    """What was found.

    ``usable`` is how many logical processors this process may use. ``performance`` and ``efficiency`` are how many
    physical cores there are of each kind, where there are two. ``threads`` is how many threads to compute on.
    """

    name: str
    physical: int
    logical: int
    usable: int
    threads: int
    features: list[str] = field(default_factory=list)
    isa_level: str | None = None
    performance: int | None = None
    efficiency: int | None = None
    numa: list[NumaNode] = field(default_factory=list)
