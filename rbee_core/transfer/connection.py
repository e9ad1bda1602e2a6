"""One connection of several that fetch a file: segment after segment, with its own retries."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from .listen import listen
from .part import writing
from .retry import Retry
from .schedule import Segment
from .source import ContentChangedError, Piece, RestartNeeded

if TYPE_CHECKING:
    from .fetch import Fetch


class NoRangesError(Exception):
    """The server sends the whole file, whatever range it is asked for."""


class Connection:
    """Fetches segments for a `Fetch`, in a thread of its own, with a connection of the job's budget in hand."""

    def __init__(self, fetch: Fetch, segment: Segment) -> None:
        self._fetch = fetch
        self._segment: Segment | None = segment
        self._retry = Retry(fetch.source.name, fetch.tally)
        self._got = 0

    def start(self) -> None:
        """Begin."""
        # A daemon: one that is stuck in the system (connecting, say) must not keep the program from ending.
        threading.Thread(target=self._run, name="rbee-range", daemon=True).start()

    def _run(self) -> None:
        fetch = self._fetch
        try:
            while self._segment is not None and not fetch.over and self._bring(self._segment):
                fetch.schedule.release(self._segment)
                fetch.tally.budget.served()
                spare = fetch.tally.budget.wanted and not fetch.alone
                self._segment = None if spare else fetch.schedule.next(fetch.hashed)
        except BaseException as error:  # noqa: BLE001 — raised where the file is waited for
            fetch.fail(error)
        finally:
            if self._segment is not None:
                fetch.schedule.release(self._segment)
            fetch.tally.budget.give()
            fetch.left()

    def _bring(self, segment: Segment) -> bool:
        """Bring all of a segment; ``False`` if another connection should.

        :raises RbeeError: it cannot be brought.
        """
        while not self._fetch.over:
            before, alone = self._got, self._fetch.alone_since
            try:
                self._transfer(segment)
            except OSError as error:
                if self._got == before and not (alone and alone == self._fetch.alone_since):
                    # Refused while others got on: the server wants fewer connections.
                    self._fetch.tally.budget.refused()
                    return False
                self._retry.failed(error)
            else:
                return True
        return False

    def _transfer(self, segment: Segment) -> None:
        """One request for the rest of a segment.

        :raises OSError: it broke off.
        """
        fetch = self._fetch
        pieces = self._open(segment)
        try:
            for piece in pieces:
                if self._put(segment, memoryview(piece)):
                    return
        except ContentChangedError:
            raise
        except RestartNeeded:
            if fetch.ranges_work:
                raise ConnectionError("the server sent something else than the range it was asked for") from None
            raise NoRangesError from None
        finally:
            fetch.closed(pieces)
            close: Callable[[], None] | None = getattr(pieces, "close", None)
            if close is not None:
                close()
        raise ConnectionError(f"the connection ended {segment.end - segment.position} bytes too early")

    def _put(self, segment: Segment, piece: memoryview) -> bool:
        """Write what came; whether it was the last of the segment."""
        fetch = self._fetch
        fetch.check()
        wanted = fetch.schedule.claim(segment, len(piece))
        with writing(fetch.part.dest):
            fetch.part.file.write(segment.position, piece[:wanted])
        # Counted first: with the last piece it is over, and whoever waits for that goes on at once.
        fetch.count(wanted)
        last = fetch.schedule.written(segment)
        self._got += wanted
        self._retry.reached(self._got)
        if not fetch.ranges_work:
            fetch.proven()
        fetch.tally.pace(wanted)
        return last

    def _open(self, segment: Segment) -> Iterator[Piece]:
        fetch = self._fetch
        open_range = fetch.source.open_range
        assert open_range is not None
        start, end = segment.position, segment.end
        pieces = open_range(start, end)
        if hasattr(pieces, "abort"):
            fetch.opened(pieces)
            return pieces
        # It cannot be woken, so it is read in another thread; a piece is good only until the next, so it is copied.
        stall = fetch.tally.job.options.stall_timeout
        return listen(partial(_owned, pieces), check=fetch.check, stall=stall)


def _owned(pieces: Iterator[Piece]) -> Iterator[bytes]:
    try:
        for piece in pieces:
            yield bytes(piece)
    finally:
        close: Callable[[], None] | None = getattr(pieces, "close", None)
        if close is not None:
            close()
