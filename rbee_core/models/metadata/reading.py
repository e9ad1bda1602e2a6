"""Bounded reading of headers that nobody vouches for."""

from __future__ import annotations

import io
import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import Any, Protocol

_CHUNK = 1 << 16
#: A file's length where nobody knows it: how much there is shows when it ends.
UNKNOWN_SIZE = 2**63 - 1


class Source(Protocol):
    """What headers are read from: a file, or one that is elsewhere."""

    def seek(self, offset: int, /) -> int:
        """Go to that byte."""
        ...

    def read(self, size: int, /) -> bytes | None:
        """The next bytes, at most ``size``; none at the end."""
        ...


class BadHeader(ValueError):  # noqa: N818 — what it is, which reads better than what it is called elsewhere
    """A file's header is damaged, hostile, or of a kind unknown here; the message is a clause about the file."""


@contextmanager
def open_plain(path: Path) -> Iterator[tuple[io.FileIO, int]]:
    """A regular file opened for reading, with its size.

    :raises BadHeader: it is not a regular file, or cannot be read.
    """
    # Not blocking: opening a FIFO would wait for its writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(path, flags), "rb", buffering=0) as file:  # noqa: PTH123 — Path.open takes no descriptor
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BadHeader("it is not a regular file")
            yield file, status.st_size
    except OSError as error:
        raise BadHeader(f"it cannot be read: {error.strerror or error}") from None


def read_json(path: Path, limit: int) -> dict[str, Any]:
    """A small JSON file that is an object.

    :raises BadHeader: it is larger than ``limit`` bytes, or not that.
    """
    with open_plain(path) as (file, size):
        if size > limit:
            raise BadHeader(f"it has {size} bytes, more than the {limit} such a file may have")
        return parse_object(file.read(size))


def parse_object(data: bytes) -> dict[str, Any]:
    """A JSON object; nesting is bounded by the parser.

    :raises BadHeader: it is not one.
    """
    from pydantic_core import from_json

    try:
        found = from_json(data, cache_strings="keys")
    except ValueError as error:
        raise BadHeader(f"it is not JSON: {str(error)[:100]}") from None
    if not isinstance(found, dict):
        raise BadHeader("it is not a JSON object")
    return found


def printable(text: Any, limit: int = 200) -> str | None:
    """A text for people, if it is one: trimmed, not empty, not long, and with nothing that could upset a terminal."""
    if not isinstance(text, str) or not 0 < len(text.strip()) <= limit:
        return None
    bad = any(unicodedata.category(char)[0] == "C" or unicodedata.category(char) in ("Zl", "Zp") for char in text)
    return None if bad else text.strip()


class Cursor:
    """Reads a file from its start on, never more than ``limit`` bytes of it, and skips without reading.

    Nothing is allocated by a number from the file: `take` is called with small bounded counts only, and what is skipped
    is checked against the file's size first.
    """

    def __init__(self, file: Source, size: int, limit: int) -> None:
        self._file = file
        self._end = min(size, limit)
        self._size = size
        self._buffer = b""
        self._start = 0  # the buffer's offset in the file
        self._at = 0  # the next byte's offset in the buffer

    @property
    def position(self) -> int:
        """The next byte's offset in the file."""
        return self._start + self._at

    @property
    def remaining(self) -> int:
        """Bytes that may still be read or skipped."""
        return self._end - self.position

    def take(self, count: int) -> bytes:
        """The next ``count`` bytes.

        :raises BadHeader: there are fewer.
        """
        self._need(count)
        data = self._buffer[self._at : self._at + count]
        self._at += count
        return data

    def unpack(self, form: Struct) -> Any:
        """The next value of that one-field form."""
        self._need(form.size)
        value = form.unpack_from(self._buffer, self._at)[0]
        self._at += form.size
        return value

    def skip(self, count: int) -> None:
        """Go on ``count`` bytes.

        :raises BadHeader: there are fewer.
        """
        if count > self.remaining:
            raise self._short()
        self._at += count

    def skip_strings(self, count: int, length: Struct) -> None:
        """Go on over ``count`` strings, each a ``length`` and as many bytes.

        :raises BadHeader: there are fewer.
        """
        width, unpack = length.size, length.unpack_from
        if count * width > self.remaining:
            raise self._short()
        for _ in range(count):
            if self._at + width > len(self._buffer):
                self._need(width)
            self._at += width + unpack(self._buffer, self._at)[0]
        if self.position > self._end:
            raise self._short()

    def _need(self, count: int) -> None:
        """Have ``count`` bytes in the buffer from the present position on."""
        if self._at + count <= len(self._buffer):
            return
        if count > self.remaining:
            raise self._short()
        self._start, self._at = self.position, 0
        self._file.seek(self._start)
        wanted = min(max(count, _CHUNK), self._end - self._start)
        parts = []
        while wanted > 0 and (part := self._file.read(wanted)):
            parts.append(part)
            wanted -= len(part)
        self._buffer = b"".join(parts)
        if len(self._buffer) < count:
            raise self._short()

    def _short(self) -> BadHeader:
        if self._end < self._size:
            return BadHeader(f"its header is longer than the {self._end} bytes a header may have")
        return BadHeader("it ends within its header: it is cut short or damaged")
