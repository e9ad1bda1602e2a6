"""`read_range`: a part of a file that is somewhere else, into memory; for headers, which are read before a download."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from ..errors import ErrorCode, RbeeError
from .listen import listen
from .retry import Retry
from .source import ContentChangedError, Piece, RestartNeeded, Source
from .tally import Tally

if TYPE_CHECKING:
    from ..jobs import Job

#: The most that is read at once, in bytes: it is held in memory.
MAX_READ = 64 << 20
#: Bytes that are read and thrown away to come to the start, where a server sends files from their beginning only.
MAX_SKIP = 32 << 20
#: Tries without a new byte; a person waits for it.
TRIES = 4
#: How often a file may change while a part of it is read.
_CHANGES = 2


def read_range(source: Source, start: int, length: int, job: Job) -> bytes | None:
    """The bytes ``[start, start + length)`` of ``source``; fewer only where the file ends.

    Where the server knows no ranges, the file is read from its beginning, as far as is needed and no further.

    :param start: from 0.
    :param length: at most `MAX_READ`.
    :returns: ``None``, when the server knows no ranges and ``start`` is more than `MAX_SKIP` bytes in.
    :raises ValueError: ``start`` or ``length`` is out of bounds.
    :raises RbeeError: ``DOWNLOAD_FAILED`` or ``DOWNLOAD_TIMEOUT`` after `TRIES` tries, ``CANCELLED``, and whatever the
        source raises.
    """
    if start < 0 or not 0 <= length <= MAX_READ:
        raise ValueError(f"not a range that can be read: {length} bytes from {start}")
    end = start + length if source.size is None else min(start + length, source.size)
    if end <= start:
        return b""
    return _Reading(source, start, end, Tally(job)).run()


class _Reading:
    def __init__(self, source: Source, start: int, end: int, tally: Tally) -> None:
        self._source = source
        self._start = start
        self._end = end
        self._tally = tally
        self._found = bytearray()
        self._retry = Retry(source.name, tally, tries=TRIES)
        self._ranges = True
        self._changes = 0

    def run(self) -> bytes | None:
        while True:
            if not self._ranges and self._start > MAX_SKIP:
                return None
            try:
                self._read()
                return bytes(self._found)
            except ContentChangedError:
                self._changed()
            except RestartNeeded:
                if not self._ranges:
                    self._retry.failed(ConnectionError("the source cannot be read from its beginning"))
                self._ranges = False
            except OSError as error:
                self._retry.failed(error)

    def _read(self) -> None:
        """Go on where the last try ended.

        :raises ConnectionError: the source ended too early.
        """
        skip, opened = self._opened()
        stall = self._tally.job.options.stall_timeout
        for piece in listen(partial(_pieces, opened), check=self._tally.check, stall=stall):
            self._tally.pace(len(piece))
            dropped = min(skip, len(piece))
            skip -= dropped
            self._found += piece[dropped : dropped + self._missing]
            self._retry.reached(len(self._found))
            if not self._missing:
                return
        if self._source.size is not None:
            raise ConnectionError(f"the connection ended {self._missing} bytes too early")

    def _opened(self) -> tuple[int, Callable[[], Iterable[Piece]]]:
        """How many bytes to throw away, and what opens the source."""
        at = self._start + len(self._found)
        if not self._ranges:
            return at, partial(self._source.open_at, 0)
        if self._source.open_range is None:
            return 0, partial(self._source.open_at, at)
        return 0, partial(self._source.open_range, at, self._end)

    @property
    def _missing(self) -> int:
        return self._end - self._start - len(self._found)

    def _changed(self) -> None:
        self._found.clear()
        self._changes += 1
        if self._changes > _CHANGES:
            raise RbeeError(
                ErrorCode.DOWNLOAD_FAILED,
                f"{self._source.name} changes while it is read.",
                "Somebody may be uploading it: try again later.",
            )
        self._source = self._source.renewed()


def _pieces(opened: Callable[[], Iterable[Piece]]) -> Iterator[bytes]:
    """What it gives, each piece a copy of its own: the next may overwrite it while this one waits to be taken."""
    pieces = opened()
    try:
        for piece in pieces:
            yield bytes(piece)
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
