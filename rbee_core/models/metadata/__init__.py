"""What a model is, read from the headers of its files: bounded reads, safe on hostile files, no tensor is loaded."""

from .describe import describe
from .described import Described
from .gguf import GgufHeader, GgufTensor, read_gguf, read_gguf_from
from .gguf_parts import group_parts, is_cut, is_gguf_name, is_projector_name
from .hf_config import HfConfig, read_config
from .quant import quant_label
from .ranged import RangedSource
from .reading import UNKNOWN_SIZE, BadHeader
from .safetensors import (
    SafetensorsHeader,
    SafetensorsTensor,
    parse_index,
    read_index,
    read_safetensors,
    read_safetensors_from,
)

__all__ = [
    "UNKNOWN_SIZE",
    "BadHeader",
    "Described",
    "GgufHeader",
    "GgufTensor",
    "HfConfig",
    "RangedSource",
    "SafetensorsHeader",
    "SafetensorsTensor",
    "describe",
    "group_parts",
    "is_cut",
    "is_gguf_name",
    "is_projector_name",
    "parse_index",
    "quant_label",
    "read_config",
    "read_gguf",
    "read_gguf_from",
    "read_index",
    "read_safetensors",
    "read_safetensors_from",
]
