"""safetensors headers (huggingface/safetensors, "Format") and the index of a model in shards.

Layout: u64 little-endian length of the header; the header, a JSON object of ``{tensor: {dtype, shape, data_offsets}}``
and perhaps ``__metadata__``; the tensors' bytes, without holes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from ...errors import RbeeError
from ...names import check_name
from .reading import UNKNOWN_SIZE, BadHeader, Source, open_plain, parse_object, read_json

#: The format's own limit, in bytes.
MAX_HEADER = 100_000_000
MAX_INDEX = 64 * 2**20
MAX_TENSORS = 1_000_000
MAX_PARAMETERS = 2**63 - 1

_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SafetensorsTensor:
    """One tensor: its name, dtype and shape, and its bytes in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int


@dataclass(slots=True)
class SafetensorsHeader:
    """What a safetensors file holds: how many elements, and how many of each dtype; and what it says of itself.

    ``infos`` describes every tensor, where that was asked.
    """

    parameters: int = 0
    dtypes: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    infos: list[SafetensorsTensor] = field(default_factory=list)

    @property
    def dtype(self) -> str | None:
        """The dtype that most of the elements have."""
        return max(self.dtypes, key=lambda name: self.dtypes[name]) if self.dtypes else None


def read_safetensors(path: Path, *, tensors: bool = False) -> SafetensorsHeader:
    """Read a file's header; the tensors are not looked at, only that their bytes are there.

    :param tensors: describe every tensor in ``infos`` too.
    :raises BadHeader: it is no safetensors file, or cut short, or contradicts itself.
    """
    with open_plain(path) as (file, size):
        return read_safetensors_from(file, size, tensors=tensors)


def read_safetensors_from(source: Source, size: int, *, tensors: bool = False) -> SafetensorsHeader:
    """As `read_safetensors`, from the beginning of anything that can be read.

    :param size: the file's length in bytes; `UNKNOWN_SIZE` where nobody knows it.
    """
    raw = _take(source, 8)
    length = int.from_bytes(raw, "little")
    if len(raw) < 8 or not 2 <= length <= size - 8:
        raise BadHeader("it is not a safetensors file, or cut short")
    if length > MAX_HEADER:
        raise BadHeader(f"its header has {length} bytes, more than the {MAX_HEADER} there may be")
    data = _take(source, length)
    if not data.startswith(b"{"):
        raise BadHeader("it is not a safetensors file: its header is not JSON")
    return _parse(parse_object(data), None if size == UNKNOWN_SIZE else size - 8 - length, tensors)


def _take(source: Source, count: int) -> bytes:
    parts = []
    while count > 0 and (part := source.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _parse(found: dict[str, Any], room: int | None, tensors: bool) -> SafetensorsHeader:
    header = SafetensorsHeader()
    metadata = found.pop("__metadata__", {})
    if isinstance(metadata, dict):
        header.metadata = {key: value for key, value in metadata.items() if isinstance(value, str)}
    if len(found) > MAX_TENSORS:
        raise BadHeader(f"it has {len(found)} tensors, more than the {MAX_TENSORS} there may be")
    spans = []
    for name, tensor in found.items():
        elements, dtype, begin, end = _tensor(name, tensor)
        spans.append((begin, end))
        header.parameters += elements
        header.dtypes[dtype] = header.dtypes.get(dtype, 0) + elements
        if tensors:
            header.infos.append(SafetensorsTensor(name, dtype, tuple(tensor["shape"]), end - begin))
    if header.parameters > MAX_PARAMETERS:
        raise BadHeader("its tensors are larger than any can be")
    at = 0
    for begin, end in sorted(spans):
        if begin != at:
            raise BadHeader("its tensors overlap or leave holes")
        at = end
    if room is not None and at != room:
        raise BadHeader(f"its tensors have {at} bytes and the file has room for {room}: it is cut short or damaged")
    return header


def _tensor(name: str, tensor: Any) -> tuple[int, str, int, int]:
    """A tensor's element count, dtype and place."""
    what = f"its tensor {name[:80]!a}"
    if not isinstance(tensor, dict):
        raise BadHeader(f"{what} is not described")
    dtype, shape, span = tensor.get("dtype"), tensor.get("shape"), tensor.get("data_offsets")
    if not isinstance(dtype, str) or not 0 < len(dtype) <= 16 or not dtype.isascii() or not dtype.isprintable():
        raise BadHeader(f"{what} has no dtype")
    if not _counts(shape) or len(shape) > 64 or not _counts(span) or len(span) != 2 or span[0] > span[1]:
        raise BadHeader(f"{what} has a wrong shape or place")
    elements = 1
    for length in shape:
        elements *= length
        if elements > MAX_PARAMETERS:
            raise BadHeader(f"{what} is larger than any can be")
    bits = _BITS.get(dtype)
    if bits is not None and (elements * bits + 7) // 8 != span[1] - span[0]:
        raise BadHeader(f"{what} has not the size its shape says")
    return elements, dtype, span[0], span[1]


def _counts(found: Any) -> TypeGuard[list[int]]:
    return isinstance(found, list) and all(type(item) is int and 0 <= item <= MAX_PARAMETERS for item in found)


def read_index(path: Path) -> list[str]:
    """The shard names in a ``model.safetensors.index.json``, each checked to be a plain relative name; sorted.

    :raises BadHeader: it has no ``weight_map``, or a shard's name leaves the folder.
    """
    return parse_index(read_json(path, MAX_INDEX))


def parse_index(index: dict[str, Any]) -> list[str]:
    """As `read_index`, of what the file says."""
    weights = index.get("weight_map")
    if not isinstance(weights, dict) or not weights:
        raise BadHeader("it has no weight_map")
    names = set()
    for name in weights.values():
        try:
            names.add(check_name(name) if isinstance(name, str) else check_name(""))
        except RbeeError:
            raise BadHeader(f"it names a shard {str(name)[:80]!a}, which is no plain file name") from None
    return sorted(names)
