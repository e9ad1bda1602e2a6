"""``config.json`` and ``tokenizer_config.json`` as the Hugging Face libraries write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .reading import BadHeader, printable, read_json

MAX_CONFIG = 16 * 2**20

_CONTEXT = (
    "max_position_embeddings",
    "n_positions",
    "n_ctx",
    "max_sequence_length",
    "max_seq_len",
    "seq_length",
    "model_max_length",
)
# Where models of several kinds of input keep what concerns their language part.
_NESTED = ("text_config", "llm_config", "language_config", "language_model")
_DTYPES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "float64": "F64"}
_ARCHITECTURE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(slots=True)
class HfConfig:
    """What the configuration files tell; each ``None`` where they do not.

    ``packed``: several parameters share one element of a tensor, so that elements are not parameters.
    """

    architecture: str | None = None
    context_length: int | None = None
    vocab_size: int | None = None
    quantization: str | None = None
    dtype: str | None = None
    packed: bool = False
    chat_template: bool = False


def read_config(folder: Path) -> HfConfig:
    """Read the configuration in ``folder``; a missing ``tokenizer_config.json`` is no problem.

    :raises BadHeader: ``config.json`` is missing, too large, or not a JSON object.
    """
    config = read_json(folder / "config.json", MAX_CONFIG)
    nested = language_part(config)
    quantization, packed = _quantization(config.get("quantization_config") or nested.get("quantization_config"))
    try:
        tokenizer = read_json(folder / "tokenizer_config.json", MAX_CONFIG)
    except BadHeader:
        tokenizer = {}
    return HfConfig(
        architecture=architecture_name(config.get("model_type")) or _first_architecture(config),
        context_length=_first_count((config, nested), _CONTEXT),
        vocab_size=_first_count((config, nested), ("vocab_size", "n_vocab")),
        quantization=quantization,
        dtype=_dtype(config) or _dtype(nested),
        packed=packed,
        chat_template=bool(tokenizer.get("chat_template")) or (folder / "chat_template.jinja").is_file(),
    )


def language_part(config: dict[str, Any]) -> dict[str, Any]:
    """Of a model of several kinds of input what concerns its language part; empty where there are no such parts."""
    return next((config[key] for key in _NESTED if isinstance(config.get(key), dict)), {})


def architecture_name(found: Any) -> str | None:
    """An architecture's name, if it looks like one."""
    return found if isinstance(found, str) and _ARCHITECTURE.fullmatch(found) else None


def count(found: Any) -> int | None:
    """A number that can be a length or a size: whole, positive, and not a stand-in for "no limit"."""
    return found if type(found) is int and 0 < found < 2**40 else None


def _first_count(configs: tuple[dict[str, Any], ...], keys: tuple[str, ...]) -> int | None:
    values = (count(config.get(key)) for config in configs for key in keys)
    return next((value for value in values if value is not None), None)


def _first_architecture(config: dict[str, Any]) -> str | None:
    names = config.get("architectures")
    return architecture_name(names[0]) if isinstance(names, list) and names else None


def _dtype(config: dict[str, Any]) -> str | None:
    found = config.get("dtype") or config.get("torch_dtype")
    return _DTYPES.get(found.removeprefix("torch.")) if isinstance(found, str) else None


def _quantization(found: Any) -> tuple[str | None, bool]:
    """A label such as ``gptq-4bit``, and whether the tensors are packed."""
    if not isinstance(found, dict):
        return None, False
    method = printable(found.get("quant_method"), 40) or "quantized"
    bits = count(found.get("bits")) or count(found.get("w_bit"))
    bits = bits or (4 if found.get("load_in_4bit") is True else 8 if found.get("load_in_8bit") is True else None)
    return (f"{method}-{bits}bit" if bits else method), method != "fp8"
