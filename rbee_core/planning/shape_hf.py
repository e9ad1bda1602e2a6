"""The shape of a safetensors model in the Hugging Face form."""

from __future__ import annotations

from .shape import ModelShape, OpenRange
from .shape_files import Chosen


def read_hf_shape(open_range: OpenRange, chosen: Chosen) -> ModelShape | None:
    """The shape, from ``config.json`` and the headers of the weights; ``None`` where they cannot be read in parts."""
    return None
