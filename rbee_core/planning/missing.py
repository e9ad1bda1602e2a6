"""What would have to be installed, or turned on, where no worker here takes a model; and what it would then need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..plugins.missing import how_to_enable
from ..units import human_size
from .advice import Advice
from .budget import Budget
from .candidates import ENGINES, Candidate
from .placing import Placement, Shortage, Site, Wish, place

if TYPE_CHECKING:
    from ..contracts import Device
    from ..plugins.records import PluginRecord
    from ..workers.service import Workers
    from .shape import ModelShape
    from .subject import Subject

#: First-party workers by the format they load, for naming what to install: nothing else reads this.
_KNOWN = {"gguf": ("llm-worker", "rbee-worker-llm"), "safetensors": ("transformers-worker", "rbee-worker-transformers")}


def not_here(workers: Workers, subject: Subject, found: Sequence[Candidate]) -> list[Candidate]:
    """The first-party worker for the model's format as a candidate, if it is not among those found."""
    known = _KNOWN.get(subject.format)
    if known is None or any(c.variant == known[0] or c.variant.startswith(f"{known[0]}-") for c in found):
        return []
    record = _record(workers, known[0])
    reason = f"is not installed: pip install {known[1]}" if record is None else f"is {record.status}: {record.reason}"
    return [Candidate(known[0], (), "refused", reason, "worker")]


def needed_plugins(workers: Workers, subject: Subject, found: Sequence[Candidate]) -> Iterator[Advice]:
    """The worker and the backend to install or turn on, if one of them is what is missing."""
    known = _KNOWN.get(subject.format)
    loads = [c for c in found if c.recipe is not None and subject.format in c.recipe.capabilities.supported_formats]
    if known is not None and not loads:
        record = _record(workers, known[0])
        if record is None or record.status != "disabled":
            yield Advice(f"Install a worker for {subject.format} models: pip install {known[1]}")
        else:
            yield Advice(how_to_enable(record))
        if subject.shape is not None:
            yield from _then(subject.shape, workers.hardware.devices)
    if not workers.hardware.backends:
        yield Advice("Install a backend for this machine: pip install rbee-backend-cpu")


def _record(workers: Workers, name: str) -> PluginRecord | None:
    found = (record for record in workers.plugins.records() if (record.kind, record.name) == ("worker", name))
    return next(found, None)


def _then(shape: ModelShape, devices: Sequence[Device]) -> Iterator[Advice]:
    """What the model would need on each device, by the engine that such models run on."""
    host = next((Budget(device) for device in devices if device.backend == "cpu"), None)
    trained = shape.trained_context or Wish().most_context
    wish = Wish(most_context=min(trained, Wish().most_context))
    for device in devices:
        gpus = () if device.backend == "cpu" else (Budget(device),)
        found = place(Site(ENGINES[shape.format], device.backend, shape, gpus, host), wish)
        if isinstance(found, Placement):
            needed, available = found.required, found.available
        else:
            assert isinstance(found, Shortage)
            needed, available = found.needed, found.available
        fits = "it would fit" if isinstance(found, Placement) else "it would not fit"
        sizes = f"{human_size(needed)} are needed, {human_size(available)} available"
        yield Advice(f"On {device.id} ({device.name}) {fits}: {sizes}.")
