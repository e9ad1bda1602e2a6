"""Changing one entry in a catalog's bytes without turning the ten thousand others into data and back.

Only for bytes that are known to be as `Document.encode` wrote them. There every entry is a block of lines, from one
that is four spaces and ``{`` to one that is four spaces and ``}``, its id first; and JSON has no line breaks in texts.
Whatever looks otherwise is left to the slow way, whose result is the same to the byte.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from .catalog_file import Change, to_text

_TEXT = rb'"(?:[^"\\\n]|\\.)*"'
_HEAD = re.compile(
    rb'\{\n  "version": "2\.0",\n  "pool_id": '
    + _TEXT
    + rb',\n  "updated_at": ('
    + _TEXT
    + rb'),\n  "models": \[(?=\n)'
)
_ENTRY = b'\n    {\n      "id": "'


def splice(data: bytes, entry_id: str, change: Change, updated_at: str) -> bytes | None:
    """The file's bytes with one entry changed, added or taken out; ``None`` where that needs the slow way.

    :param data: as `Document.encode` wrote it.
    :raises Exception: what ``change`` raises.
    """
    lines = _lines(data)
    if lines is None:
        return None
    at = lines.search(entry_id)
    if at is not None and lines.id(at) == entry_id:
        if (following := lines.next(at)) is not None and lines.id(following) == entry_id:
            return None
        begin, end = at, lines.end(at)
        new = change(json.loads(data[begin:end]))
        if new is not None:
            block = _block(new)
        else:
            # Every entry begins with its line break; the comma before it goes along, or the one after the first.
            first = begin == lines.first
            block, begin, end = b"", begin - (not first), end + first
    else:
        new = change(None)
        begin = end = lines.end(lines.last) if at is None else at
        block = b"" if new is None else b"," + _block(new) if at is None else _block(new) + b","
    time = to_text(updated_at)
    return b"".join([data[: lines.time[0]], time, data[lines.time[1] : begin], block, data[end:]])


@dataclass(slots=True)
class _Lines:
    """The entries in the bytes, each by where the line break before it is; two or more, in the order of their ids."""

    data: bytes
    time: tuple[int, int]
    first: int
    last: int
    close: int

    def id(self, at: int) -> str:
        """An entry's id."""
        begin = at + len(_ENTRY) - 1
        found: str = json.loads(self.data[begin : self.data.index(b"\n", begin)].removesuffix(b","))
        return found

    def next(self, at: int) -> int | None:
        """The entry after one that starts at or after ``at``."""
        found = self.data.find(_ENTRY, at + 1, self.close)
        return found if found >= 0 else None

    def end(self, at: int) -> int:
        """Where an entry ends."""
        return self.data.index(b"\n    }", at) + 6

    def search(self, entry_id: str) -> int | None:
        """The first entry whose id is not smaller, by halving."""
        low, high, found = self.first, self.last + 1, None
        while low < high:
            middle = (low + high) // 2
            at = self.data.find(_ENTRY, middle, self.close)
            if at >= 0 and self.id(at) < entry_id:
                low = at + 1
            else:
                found = at if at >= 0 else found
                high = middle
        return found


def _lines(data: bytes) -> _Lines | None:
    head = _HEAD.match(data)
    close = data.find(b"\n  ]", head.end()) if head else -1
    if head is None or close < 0:
        return None
    first, last = data.find(_ENTRY, head.end(), close), data.rfind(_ENTRY, head.end(), close)
    # Fewer than two are not worth it; and where the first is broken, the comma before it is somebody else's.
    return _Lines(data, head.span(1), first, last, close) if head.end() == first < last else None


def _block(raw: dict[str, object]) -> bytes:
    """An entry with the line break before it, without the comma after it."""
    return b"\n    " + to_text(raw).replace(b"\n", b"\n    ")
