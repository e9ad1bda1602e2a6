"""Headers of files that are elsewhere: read in growing parts, and no more of them than is asked for."""

from __future__ import annotations

from collections.abc import Callable

#: Bytes of the first part; each following one is twice as long.
FIRST_PART = 1 << 20
#: Bytes of the longest part.
LONGEST_PART = 16 << 20


class RangedSource:
    """A file read by parts from a function that gives them: a `Source` (see ``reading.py``).

    A header is one run of bytes at a file's start, so a request asks for more than the reader wants now. What the
    reader skips over is not asked for.
    """

    def __init__(self, read_part: Callable[[int, int], bytes], size: int, first: int = FIRST_PART) -> None:
        """``read_part(start, length)`` gives the bytes, fewer only at the file's end."""
        self._read_part = read_part
        self._size = size
        self._next_length = first
        self._at = 0
        self._part = b""
        self._start = 0
        self.total = 0  # bytes asked for so far

    def seek(self, offset: int, /) -> int:
        """Go to that byte."""
        self._at = offset
        return offset

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes from here on; none at the end."""
        begin = self._at - self._start
        if not 0 <= begin < len(self._part):
            self._fetch(size)
            begin = 0
        data = self._part[begin : begin + size]
        self._at += len(data)
        return data

    def _fetch(self, size: int) -> None:
        length = min(max(self._next_length, size), self._size - self._at)
        self._start, self._part = self._at, b""
        if length <= 0:
            return
        self._part = self._read_part(self._at, length)[:length]
        self.total += len(self._part)
        self._next_length = min(self._next_length * 2, LONGEST_PART)
