"""Model files to read, written by the formats' own writers or, where those would refuse, by hand."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def write_gguf() -> Callable[..., Path]:
    """Write a GGUF file with the gguf package: architecture, key-values by their Python types, tensors by shape."""

    def write(
        path: Path,
        architecture: str = "llama",
        *,
        big_endian: bool = False,
        tensors: dict[str, tuple[int, ...]] | None = None,
        **values: Any,
    ) -> Path:
        import numpy as np
        from gguf import GGUFEndian, GGUFWriter

        writer = GGUFWriter(path, architecture, endianess=GGUFEndian.BIG if big_endian else GGUFEndian.LITTLE)
        for key, value in values.items():
            name = key.replace("__", ".")
            if isinstance(value, bool):
                writer.add_bool(name, value)
            elif isinstance(value, int):
                writer.add_uint32(name, value)
            elif isinstance(value, str):
                writer.add_string(name, value)
            elif isinstance(value, float):
                writer.add_float32(name, value)
            else:
                writer.add_array(name, value)
        for name, shape in (tensors or {"token_embd.weight": (8, 4)}).items():
            writer.add_tensor(name, np.zeros(shape, dtype=np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return write


@pytest.fixture
def write_safetensors() -> Callable[..., Path]:
    """Write a safetensors file: tensors by name, each a dtype and a shape."""

    def write(path: Path, tensors: dict[str, tuple[str, list[int]]], metadata: dict[str, str] | None = None) -> Path:
        width = {"F32": 4, "F16": 2, "BF16": 2, "I32": 4, "U8": 1}
        header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
        at = 0
        for name, (dtype, shape) in tensors.items():
            size = width[dtype]
            for length in shape:
                size *= length
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
            at += size
        data = json.dumps(header).encode()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(struct.pack("<Q", len(data)) + data + bytes(at))
        return path

    return write
