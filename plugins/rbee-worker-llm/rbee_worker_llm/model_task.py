"""What a GGUF model makes, text or vectors: read from the few header keys that tell, before the engine loads it.

The engine has to be told in advance that a model makes embeddings. Layout of the header: ggml's docs/gguf.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import BinaryIO

_U32, _U64 = Struct("<I"), Struct("<Q")
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_UINT32, _STRING, _ARRAY = 4, 8, 9
#: Keys looked at: real files have some sixty.
_MOST_KEYS = 4096
_MOST_TEXT = 1 << 20
#: ``{architecture}.pooling_type`` of llama.cpp's ``llama_pooling_type``.
_NONE, _LAST, _RANK = 0, 3, 4
#: Architectures that only encode: they make no text, whatever else their files say.
_ENCODERS = ("bert", "t5encoder", "eurobert")


@dataclass(frozen=True, slots=True)
class Task:
    """What a model makes: ``completion``, ``embedding``, or nothing where it ranks.

    ``in_one_piece``: all tokens of a text have to be computed at once.
    """

    makes: str | None
    in_one_piece: bool = False


def task_of(model: Path) -> Task:
    """What a GGUF file says of it; what cannot be read is left to the engine."""
    try:
        with model.open("rb") as file:
            architecture, pooling = _read(file)
    except (OSError, ValueError, EOFError):
        return Task("completion")
    if pooling == _RANK:
        return Task(None)
    encodes = any(name in architecture for name in _ENCODERS)
    if encodes or (pooling is not None and pooling != _NONE):
        return Task("embedding", encodes or pooling != _LAST)
    return Task("completion")


def _read(file: BinaryIO) -> tuple[str, int | None]:
    """The architecture, and the pooling type if one is given.

    :raises ValueError: it is no GGUF of version 2 or 3, or beyond all reason.
    :raises EOFError: it ends within its header.
    """
    if _take(file, 4) != b"GGUF" or _number(file, _U32) not in (2, 3):
        raise ValueError("no GGUF")
    _number(file, _U64)
    architecture, pooling = "", None
    for _ in range(min(_number(file, _U64), _MOST_KEYS)):
        key = _text(file)
        kind = _number(file, _U32)
        if kind == _STRING and key == "general.architecture":
            architecture = _text(file)
        elif kind == _UINT32 and key.endswith(".pooling_type"):
            pooling = _number(file, _U32)
        elif key.startswith("tokenizer."):
            break  # comes after what describes the model, and is megabytes
        else:
            _skip(file, kind)
    return architecture, pooling


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == _STRING:
        _text(file)
    elif kind == _ARRAY:
        inner, count = _number(file, _U32), _number(file, _U64)
        if inner in _SIZES:
            file.seek(_SIZES[inner] * min(count, 1 << 40), 1)
        elif inner == _STRING and count <= _MOST_KEYS:
            for _ in range(count):
                _text(file)
        else:
            raise ValueError("an array that describes no model")
    else:
        file.seek(_SIZES[kind] if kind in _SIZES else _unknown(kind), 1)


def _unknown(kind: int) -> int:
    raise ValueError(f"type {kind}")


def _text(file: BinaryIO) -> str:
    length = _number(file, _U64)
    if length > _MOST_TEXT:
        raise ValueError("a text of more than a megabyte")
    return _take(file, length).decode("utf-8", "replace")


def _number(file: BinaryIO, form: Struct) -> int:
    return int(form.unpack(_take(file, form.size))[0])


def _take(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise EOFError
    return data
