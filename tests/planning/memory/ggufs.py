"""GGUF files of any shape: real headers, and holes where the weights would be (they take no room on the disk)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .blocks import Tensors

#: Of these the weights are never quantized, by a part of the tensor's name.
_PRECISE = ("norm", "ssm_conv1d", "ssm_a", "ssm_d", "ffn_gate_inp", "attn_sinks", "position_embd", "token_types")


@dataclass(frozen=True)
class Model:
    """A model: ``values`` by the header's keys after the architecture's name, ``tensors`` by name."""

    architecture: str
    values: dict[str, Any]
    tensors: Tensors
    kind: str = "Q8_0"
    kinds: dict[str, str] = field(default_factory=dict)  # of single tensors, by a part of their names

    @property
    def vocab(self) -> int:
        """How many tokens it knows."""
        return self.tensors["token_embd.weight"][1]

    def kind_of(self, name: str, dims: tuple[int, ...]) -> str:
        """The ggml type of a tensor."""
        for part, kind in self.kinds.items():
            if part in name:
                return kind
        precise = len(dims) == 1 or name.endswith(".bias") or any(part in name for part in _PRECISE)
        return "F32" if precise or (dims[0] % 32 and self.kind not in ("F16", "BF16")) else self.kind


def write_model(path: Path, model: Model, *, tokens: bool = True) -> Path:
    """Write the model's header, and make the file as long as it would be with its weights.

    :param tokens: with a vocabulary, so that an engine can load it.
    """
    import numpy as np
    from gguf import GGUFValueType, GGUFWriter

    writer = GGUFWriter(path, model.architecture)
    for key, value in model.values.items():
        name = f"{model.architecture}.{key}"
        if isinstance(value, bool):
            writer.add_bool(name, value)
        elif isinstance(value, int):
            writer.add_uint32(name, value)
        elif isinstance(value, float):
            writer.add_float32(name, value)
        elif isinstance(value, list):
            writer.add_key_value(name, value, GGUFValueType.ARRAY, sub_type=_element(value))
        else:
            writer.add_string(name, value)
    if tokens:
        _add_tokens(writer, model.vocab)
    elif model.values:  # a shard that is not the first has none
        writer.add_uint32(f"{model.architecture}.vocab_size", model.vocab)
    end = _add_tensors(writer, model, np.dtype("float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    start = -(-path.stat().st_size // 32) * 32
    with path.open("r+b") as file:
        file.truncate(start + end)
    return path


def _add_tensors(writer: Any, model: Model, dtype: Any) -> int:
    """Describe the tensors; the bytes that all of them take."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    end = 0
    for name, dims in model.tensors.items():
        kind = GGMLQuantizationType[model.kind_of(name, dims)]
        block, width = GGML_QUANT_SIZES[kind]
        size = dims[0] // block * width
        for length in dims[1:]:
            size *= length
        writer.add_tensor_info(name, dims[::-1], dtype, size, raw_dtype=kind)
        end += -(-size // 32) * 32
    return end


def _element(values: list[Any]) -> Any:
    from gguf import GGUFValueType

    return GGUFValueType.BOOL if isinstance(values[0], bool) else GGUFValueType.UINT32


def _add_tokens(writer: Any, count: int) -> None:
    """A vocabulary of the SentencePiece kind: three special tokens, the bytes, and words."""
    from gguf import TokenType

    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL, *[TokenType.BYTE] * 256]
    tokens += [f"w{number}" for number in range(count - len(tokens))]
    kinds += [TokenType.NORMAL] * (count - len(kinds))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens[:count])
    writer.add_token_scores([0.0] * count)
    writer.add_token_types(kinds[:count])
    writer.add_token_type_count(2)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
