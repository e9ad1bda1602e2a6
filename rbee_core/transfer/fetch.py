"""The connections that fetch one file: how many there are, what they are told, and how they all end."""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from typing import Any

from ..contracts.job import Level
from ..errors import ErrorCode, RbeeError
from .connection import Connection, NoRangesError
from .follow import Follower
from .hashes import Hashes
from .listen import POLL, listen
from .part import writing
from .positioned import ClosedError
from .retry import Retry
from .schedule import Schedule
from .source import ContentChangedError, RestartNeeded
from .sparse import SparsePart
from .tally import Tally

#: How often the wrong parts of a file are fetched again, where the source says which they are.
REPAIRS = 2
#: Under a rate limit, no more connections than get this many bytes per second each.
_LEAST_RATE = 1 << 20


class Fetch:
    """One file's transfer into its partial file.

    ``run`` is called by the thread that wants the file; it does no work but look after the connections and the hash,
    which are threads of their own. When it is over, whatever happened, none of them writes any more.
    """

    def __init__(self, part: SparsePart, tally: Tally) -> None:
        self.part = part
        self.source = part.source
        self.tally = tally
        #: Bytes of this file in the tally.
        self.counted = 0
        #: Whether the server has sent a range that it was asked for.
        self.ranges_work = False
        self.over = False
        self.schedule = Schedule(part.size, part.kept, self._most)
        self._hashes = Hashes(self.source)
        self._follower: Follower | None = None
        self._connections = self._begun = 0
        self._open: set[Any] = set()
        self._error: BaseException | None = None
        self._change = threading.Condition()

    def run(self) -> Hashes:
        """Fetch what is missing; the digests of the whole file.

        :raises ContentChangedError: it is not the same file any more.
        :raises RbeeError: as `receive`.
        """
        try:
            self.count(self.part.kept.total)
            self._fill(self._hashes)
            for _repair in range(REPAIRS):
                if self._hashes.matches or not self.source.part_digests or not self._repair():
                    break
            return self._hashes
        finally:
            self._end()

    # --- for the connections ----------------------------------------------------------------------------------------

    @property
    def alone(self) -> bool:
        """Whether there is just one connection."""
        return self._connections <= 1

    @property
    def alone_since(self) -> int:
        """0 while there are several connections; else a number that is another one when there have been meanwhile."""
        with self._change:
            return self._begun if self._connections <= 1 else 0

    @property
    def hashed(self) -> int:
        """Up to where the file is hashed."""
        return self._hashes.position

    def opened(self, pieces: Any) -> None:
        """These can be woken when it is over."""
        with self._change:
            self._open.add(pieces)
            if self.over:
                pieces.abort()

    def closed(self, pieces: Any) -> None:
        """These need no waking any more."""
        with self._change:
            self._open.discard(pieces)

    def proven(self) -> None:
        """The server sends ranges: more connections are of use."""
        with self._change:
            self.ranges_work = True
            self._change.notify()

    def count(self, count: int) -> None:
        """So many bytes more are here.

        :raises ClosedError: it is over, and what was counted may have been taken back already.
        """
        with self._change:
            if self.over:
                raise ClosedError
            self.counted += count
        self.tally.add(count, self.source.name)

    def fail(self, error: BaseException) -> None:
        """Something went wrong that a connection, or the hash, cannot mend: it ends the transfer."""
        with self._change:
            if self._error is None and not self.over:
                self._error = error
            self._change.notify()

    def left(self) -> None:
        """A connection has ended."""
        with self._change:
            self._connections -= 1
            self._change.notify()

    def check(self) -> None:
        """Stop here if it is over.

        :raises RbeeError: ``CANCELLED``.
        """
        self.tally.check()
        if self.over:
            raise ClosedError

    # --- inside -----------------------------------------------------------------------------------------------------

    def _fill(self, hashes: Hashes) -> None:
        """Bring the file to its full length, and hash it."""
        self._hashes = hashes
        self._follower = follower = Follower(self.part.file, self.schedule, hashes, self.fail)
        while not follower.finished.is_set():
            self.tally.check()
            error = self._error
            if isinstance(error, NoRangesError):
                self._error = None
                self._read_through()
            elif error is not None:
                raise error
            self.tally.grow()
            self._staff()
            self.part.remember(self.schedule.done())
            if self.schedule.complete:
                follower.finished.wait(POLL)
            else:
                with self._change:
                    if self._error is None:
                        self._change.wait(POLL)

    def _staff(self) -> None:
        """Put as many connections to work as are free and of use; one alone until it is known that ranges work."""
        budget = self.tally.budget
        while self._error is None and self._connections < (self._most() if self.ranges_work else 1):
            if self.schedule.complete:
                return
            if self._connections == 0:
                budget.take(self.tally.check)
            elif not budget.take_spare():
                return
            segment = self.schedule.next(self.hashed)
            if segment is None:
                budget.give()
                return
            with self._change:
                self._connections += 1
                self._begun += 1
            Connection(self, segment).start()

    def _most(self) -> int:
        """How many connections may work at this file, at the moment."""
        most, rate = self.tally.budget.limit, self.tally.job.options.max_rate
        return max(1, min(most, rate // _LEAST_RATE)) if rate else most

    def _read_through(self) -> None:
        """The server sends no ranges: read the file from its beginning, and write what is missing."""
        human = f"{self.source.name}: the server sends no ranges; going on with one connection."
        self.tally.job.emit("transfer_single", human, level=Level.DEBUG)
        retry = Retry(self.source.name, self.tally)
        while not self.schedule.complete:
            try:
                with self.tally.budget.one(self.tally.check):
                    self._read_once(retry)
            except ContentChangedError:
                raise
            except RestartNeeded:
                retry.failed(ConnectionError("the source cannot be read from its beginning"))
            except OSError as error:
                retry.failed(error)

    def _read_once(self, retry: Retry) -> None:
        stall = self.tally.job.options.stall_timeout
        position = 0
        for piece in listen(partial(self.source.open_at, 0), check=self.tally.check, stall=stall):
            after = position + len(piece)
            if after > self.part.size:
                self.part.discard()
                raise too_much(self.source.name, self.part.size)
            for start, end in self.schedule.lacking(position, after):
                with writing(self.part.dest):
                    self.part.file.write(start, memoryview(piece)[start - position : end - position])
                self.schedule.put(start, end)
                self.count(end - start)
            position = after
            retry.reached(position)
            self.tally.pace(len(piece))
            if self._error is not None:
                raise self._error
        if position < self.part.size:
            raise ConnectionError(f"the connection ended after {position} of {self.part.size} bytes")

    def _repair(self) -> bool:
        """Fetch the parts again whose digests are not those that the source lists; whether there were any."""
        if not self._hashes.wrong:
            self._fill(Hashes(self.source, spans=True))
        wrong = self._hashes.wrong
        if not wrong:
            return False
        lost = sum(end - start for start, end in wrong)
        human = f"{self.source.name}: {len(wrong)} of its parts are damaged; fetching them again."
        self.tally.job.emit("transfer_repair", human, parts=len(wrong), bytes=lost)
        self.count(-lost)
        self.schedule.again(wrong)
        self._fill(Hashes(self.source, spans=True))
        return True

    def _end(self) -> None:
        """Wake all connections, let nobody write any more, and note what has arrived."""
        with self._change:
            self.over = True
            waking = list(self._open)
        if self._follower is not None:
            self._follower.stop()
        for pieces in waking:
            pieces.abort()
        if not self.schedule.complete:
            # A note that cannot be written (the disk is full, perhaps) leaves the last one, which is true as well.
            with contextlib.suppress(RbeeError, ClosedError):
                self.part.remember(self.schedule.done(), now=True)


def too_much(name: str, size: int) -> RbeeError:
    """What to say to a source that does not keep to the size it announced."""
    return RbeeError(
        ErrorCode.DOWNLOAD_FAILED,
        f"{name}: the source sent more than the {size} bytes it announced.",
        "Nothing of it was kept. Try again later, or from another source.",
    )
