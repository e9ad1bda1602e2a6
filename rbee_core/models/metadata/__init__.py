"""What a model is, read from the headers of its files: bounded reads, safe on hostile files, no tensor is loaded."""

from .describe import describe
from .described import Described
from .gguf import GgufHeader, read_gguf
from .hf_config import HfConfig, read_config
from .quant import quant_label
from .reading import BadHeader
from .safetensors import SafetensorsHeader, read_index, read_safetensors

__all__ = [
    "BadHeader",
    "Described",
    "GgufHeader",
    "HfConfig",
    "SafetensorsHeader",
    "describe",
    "quant_label",
    "read_config",
    "read_gguf",
    "read_index",
    "read_safetensors",
]
