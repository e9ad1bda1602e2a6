"""What is said of a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...contracts.model import ModelFormat

#: Headers read at most, per model; the largest models come in some two hundred shards.
MAX_FILES = 2000


@dataclass(slots=True)
class Described:
    """What a model is.

    ``path`` is what an engine loads, relative to the folder (``.`` is the folder itself). ``metadata`` has, where
    known, ``context_length``, ``vocab_size``, ``quantization``, ``parameters`` (a count), ``chat_template`` (true),
    ``license``, ``projector`` (a file's name), and ``problem``: what is wrong with a header that could not be read.
    """

    format: ModelFormat
    path: str = "."
    architecture: str = "unknown"
    name: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
