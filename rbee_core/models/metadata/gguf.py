"""GGUF headers (ggml's docs/gguf.md): versions 1, 2 and 3, little- and big-endian.

Layout: magic ``GGUF``, u32 version, tensor count, key-value count; then the key-values (key, u32 type, value); then the
tensor infos (name, u32 dimensions, the dimensions, u32 ggml type, u64 offset). Counts and lengths are u64, in version 1
u32. Strings are a length and UTF-8 bytes; arrays are an u32 type, a count and the elements.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from struct import Struct
from typing import Any

from .ggml_types import tensor_bytes
from .reading import BadHeader, Cursor, Source, open_plain

MAGIC = b"GGUF"

# Bounds, each well above what real files have: the largest have 20 MB of header, 60 keys, 800 000 strings in their
# token lists and 20 000 tensors.
MAX_HEADER = 128 * 2**20
MAX_KEYS = 65_536
MAX_TENSORS = 100_000
MAX_STRINGS = 4_000_000
MAX_NAME = 65_535
MAX_TEXT = 65_536
MAX_KEPT = 1024
MAX_DEPTH = 4
MAX_PARAMETERS = 2**63 - 1

_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor's place in a file: ``dims`` as ggml counts them (the row's length first), ``offset`` in the data part.

    ``size`` is its bytes, or -1 where its ``kind`` (``ggml_type``) is unknown here and the next one's offset does not
    tell either.
    """

    name: str
    kind: int
    dims: tuple[int, ...]
    offset: int
    size: int


@dataclass(slots=True)
class GgufHeader:
    """What a GGUF file says of itself.

    ``values`` holds scalars, texts of at most `MAX_TEXT` bytes and numeric arrays of at most `MAX_KEPT` elements;
    ``lengths`` the element count of every array and the byte count of every longer text. ``parameters`` is the number
    of all tensors' elements, ``types`` that number by ggml type. ``infos`` describes every tensor, where that was
    asked.
    """

    version: int
    big_endian: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    tensors: int = 0
    parameters: int = 0
    types: dict[int, int] = field(default_factory=dict)
    infos: list[GgufTensor] = field(default_factory=list)

    def text(self, key: str) -> str | None:
        """The value of that key if it is a text."""
        value = self.values.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | None:
        """The value of that key if it is a whole number."""
        value = self.values.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_gguf(path: Path, *, tensors: bool = False) -> GgufHeader:
    """Read a file's header; at most `MAX_HEADER` bytes are looked at, and none of the tensors.

    :param tensors: describe every tensor in ``infos`` too.
    :raises BadHeader: it is no GGUF, of an unknown version, cut short, or its numbers are beyond all reason.
    """
    with open_plain(path) as (file, size):
        return read_gguf_from(file, size, tensors=tensors)


def read_gguf_from(source: Source, size: int, *, tensors: bool = False) -> GgufHeader:
    """As `read_gguf`, from anything that can be read at a place.

    :param size: the file's length in bytes; `UNKNOWN_SIZE` where nobody knows it.
    """
    return _Parser(Cursor(source, size, MAX_HEADER), tensors).parse()


class _Parser:
    def __init__(self, cursor: Cursor, tensors: bool) -> None:
        self.cursor = cursor
        self.tensors = tensors
        self.strings = 0

    def parse(self) -> GgufHeader:
        cursor = self.cursor
        if cursor.remaining < 8 or cursor.take(4) != MAGIC:
            raise BadHeader("it is not a GGUF file: its first bytes are not GGUF")
        raw = cursor.take(4)
        version = int.from_bytes(raw, "little")
        big_endian = version > 0xFFFF
        if big_endian:
            version = int.from_bytes(raw, "big")
        if version not in (1, 2, 3):
            raise BadHeader(f"it is GGUF version {version}; versions 1 to 3 are known")
        order = ">" if big_endian else "<"
        self.u32 = Struct(order + "I")
        self.u64 = Struct(order + "Q")
        self.count = self.u32 if version == 1 else self.u64
        self.scalars = {kind: Struct(order + form) for kind, form in _SCALARS.items()}
        header = GgufHeader(version, big_endian)
        header.tensors = self._bounded(cursor.unpack(self.count), MAX_TENSORS, "tensors")
        for _ in range(self._bounded(cursor.unpack(self.count), MAX_KEYS, "keys")):
            self._key_value(header)
        for _ in range(header.tensors):
            self._tensor(header)
        if self.tensors:
            _fill_sizes(header)
        return header

    def _bounded(self, count: int, limit: int, what: str) -> int:
        if count > limit:
            raise BadHeader(f"it claims {count} {what}, more than the {limit} there may be")
        return count

    def _name(self, what: str) -> str:
        length = self._bounded(self.cursor.unpack(self.count), MAX_NAME, f"bytes in {what}")
        return self.cursor.take(length).decode("utf-8", errors="replace")

    # --- key-values -------------------------------------------------------------------------------------------------

    def _key_value(self, header: GgufHeader) -> None:
        key = self._name("a key")
        kind = self.cursor.unpack(self.u32)
        if kind in self.scalars:
            header.values.setdefault(key, self.cursor.unpack(self.scalars[kind]))
        elif kind == _STRING:
            self._text(key, header)
        elif kind == _ARRAY:
            self._array(key, header)
        else:
            raise BadHeader(f"its key {key[:80]!a} has the unknown type {kind}")

    def _text(self, key: str, header: GgufHeader) -> None:
        length = self.cursor.unpack(self.count)
        if length > MAX_TEXT:
            self.cursor.skip(length)
            header.lengths.setdefault(key, length)
        else:
            header.values.setdefault(key, self.cursor.take(length).decode("utf-8", errors="replace"))

    def _array(self, key: str, header: GgufHeader) -> None:
        kind, count = self.cursor.unpack(self.u32), self.cursor.unpack(self.count)
        header.lengths.setdefault(key, count)
        if kind in self.scalars and count <= MAX_KEPT:
            form = self.scalars[kind]
            self._check_room(count * form.size)
            header.values.setdefault(key, [self.cursor.unpack(form) for _ in range(count)])
        else:
            self._skip_elements(kind, count, MAX_DEPTH)

    def _skip_elements(self, kind: int, count: int, depth: int) -> None:
        if kind in self.scalars:
            self.cursor.skip(count * self.scalars[kind].size)
            return
        if kind not in (_STRING, _ARRAY):
            raise BadHeader(f"it has an array of the unknown type {kind}")
        # Each of these is walked one by one, and there are only so many in the whole header.
        self.strings = self._bounded(self.strings + count, MAX_STRINGS, "strings in arrays")
        if kind == _STRING:
            self.cursor.skip_strings(count, self.count)
            return
        if depth == 0:
            raise BadHeader(f"its arrays are nested deeper than {MAX_DEPTH}")
        for _ in range(count):
            inner, length = self.cursor.unpack(self.u32), self.cursor.unpack(self.count)
            self._skip_elements(inner, length, depth - 1)

    def _check_room(self, count: int) -> None:
        if count > self.cursor.remaining:
            raise BadHeader("it ends within its header: it is cut short or damaged")

    # --- tensors ----------------------------------------------------------------------------------------------------

    def _tensor(self, header: GgufHeader) -> None:
        name = self._name("a tensor's name")
        elements = 1
        dims = []
        for _ in range(self._bounded(self.cursor.unpack(self.u32), 4, "dimensions of a tensor")):
            dims.append(self.cursor.unpack(self.count))
            elements *= dims[-1]
        kind = self.cursor.unpack(self.u32)
        offset = self.cursor.unpack(self.u64)
        header.parameters = self._bounded(header.parameters + elements, MAX_PARAMETERS, "parameters")
        header.types[kind] = header.types.get(kind, 0) + elements
        if self.tensors:
            header.infos.append(GgufTensor(name, kind, tuple(dims), offset, tensor_bytes(kind, dims)))


def _fill_sizes(header: GgufHeader) -> None:
    """Sizes of tensors of types unknown here, from where the next one begins."""
    unknown = [number for number, info in enumerate(header.infos) if info.size < 0]
    if not unknown:
        return
    starts = sorted({info.offset for info in header.infos})
    following = dict(pairwise(starts))
    for number in unknown:
        info = header.infos[number]
        if info.offset in following:
            header.infos[number] = replace(info, size=following[info.offset] - info.offset)
