"""What would have to be installed, where no worker here takes a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .advice import Advice
from .candidates import Candidate
from .subject import Subject

#: First-party workers by the format they load, for naming what to install: nothing else reads this.
KNOWN = {"gguf": ("llm-worker", "rbee-worker-llm"), "safetensors": ("transformers-worker", "rbee-worker-transformers")}


def known_worker(kind: str) -> tuple[str, str] | None:
    """The first-party worker that loads a format, and its distribution."""
    return KNOWN.get(kind)


def needed_plugins(subject: Subject, found: Sequence[Candidate], backends: Sequence[dict[str, Any]]) -> list[Advice]:
    """The worker and the backend to install, if one of them is what is missing."""
    advice = []
    loads = [c for c in found if c.recipe is not None and subject.format in c.recipe.capabilities.supported_formats]
    known = known_worker(subject.format)
    if known is not None and not loads:
        advice.append(Advice(f"Install a worker for {subject.format} models: pip install {known[1]}"))
    if not backends:
        advice.append(Advice("Install a backend for this machine: pip install rbee-backend-cpu"))
    return advice


def not_installed(subject: Subject, found: Sequence[Candidate]) -> list[Candidate]:
    """The first-party worker for the model's format as a candidate, if it is not among those found."""
    known = known_worker(subject.format)
    if known is None or any(c.variant == known[0] or c.variant.startswith(f"{known[0]}-") for c in found):
        return []
    return [Candidate(known[0], (), "refused", f"is not installed: pip install {known[1]}", "worker")]
