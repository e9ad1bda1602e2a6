"""Who fetches which bytes of one file: segments in order, and the slowest one's tail when none is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .intervals import Intervals, Span

#: Sizes of a segment, in bytes: small enough that the end of a file keeps all connections busy, large enough that
#: asking for it costs little.
SMALLEST, LARGEST = 4 << 20, 32 << 20
#: How far, in bytes, connections may run ahead of the hash: what it reads back is still in the page cache.
WINDOW = 512 << 20
#: A segment with at least so many bytes, and so many seconds, to go is shared with a connection that has nothing to do.
#: What the server sent already of the part that is given away is lost, which no fast connection should pay.
WORTH_SHARING = 2 << 20
WORTH_SECONDS = 0.15


@dataclass(eq=False, slots=True)
class Segment:
    """``[start, end)`` in one connection's hands; ``position`` is written up to, ``claimed`` is being written up to."""

    start: int
    end: int
    position: int
    claimed: int
    begun: float

    @property
    def left(self) -> int:
        """Bytes to go."""
        return self.end - self.claimed

    def seconds_left(self, now: float) -> float:
        """How long it will take at the pace it has had."""
        spent, got = now - self.begun, self.claimed - self.start
        return spent * self.left / got if got else spent


class Schedule:
    """The bytes of one file: done, in work, and still to be handed out. Safe to use from many threads.

    :param done: what is here already.
    :param connections: how many may work at it, at the moment.
    """

    def __init__(self, size: int, done: Intervals, connections: Callable[[], int]) -> None:
        self.size = size
        self._done = done
        self._todo = done.missing(size)
        self._active: set[Segment] = set()
        self._connections = connections
        self._lock = threading.Lock()

    @property
    def complete(self) -> bool:
        """Whether every byte is here."""
        with self._lock:
            return not self._todo and not self._active

    def done(self) -> Intervals:
        """What is here, also of segments in work."""
        with self._lock:
            return Intervals([*self._done, *((segment.start, segment.position) for segment in self._active)])

    def next(self, hashed: int) -> Segment | None:
        """The next segment to fetch, if any connection is of use.

        :param hashed: where the hash is.
        """
        with self._lock:
            if self._todo and self._todo[0][0] < hashed + WINDOW:
                start, end = self._todo[0]
                left = sum(until - begin for begin, until in self._todo)
                # Neither does the end of the file wait for few, nor does the window shut while the first is brought.
                size = max(SMALLEST, min(LARGEST, min(left, WINDOW) // (2 * max(1, self._connections()))))
                # Not a small rest that needs a request of its own.
                stop = end if end - start < size + SMALLEST else start + size
                self._todo[:1] = [(stop, end)] if stop < end else []
                return self._begin(start, stop)
            if self._todo and self._done.end_at(hashed) >= hashed + WINDOW // 2:
                return None  # it is the hash that is behind; to share would only cost
            return self._share()

    def claim(self, segment: Segment, count: int) -> int:
        """How many of ``count`` bytes that came are wanted; nobody else will write them."""
        with self._lock:
            wanted = min(count, segment.end - segment.position)
            segment.claimed = segment.position + wanted
            return wanted

    def written(self, segment: Segment) -> bool:
        """The claimed bytes are in the file; whether that was the last of the segment."""
        with self._lock:
            segment.position = segment.claimed
            return segment.position >= segment.end

    def release(self, segment: Segment) -> None:
        """The segment's connection is done with it; what it did not bring is for another."""
        with self._lock:
            if segment not in self._active:
                return
            self._active.discard(segment)
            self._done.add(segment.start, segment.position)
            if segment.position < segment.end:
                self._todo = sorted([*self._todo, (segment.position, segment.end)])

    def lacking(self, start: int, end: int) -> list[Span]:
        """What of ``[start, end)`` is neither here nor in work."""
        with self._lock:
            cut = ((max(start, begin), min(end, until)) for begin, until in self._todo)
            return [(begin, until) for begin, until in cut if begin < until]

    def put(self, start: int, end: int) -> None:
        """These bytes, which nobody was given, are in the file."""
        with self._lock:
            self._done.add(start, end)
            gone = Intervals([*self._done, *((segment.start, segment.end) for segment in self._active)])
            self._todo = gone.missing(self.size)

    def again(self, spans: list[Span]) -> None:
        """These bytes are wrong: they are to be fetched once more."""
        with self._lock:
            self._done = self._done.without(spans)
            self._todo = self._done.missing(self.size)

    def arrived(self, position: int) -> int:
        """Up to where everything from ``position`` on is in the file."""
        with self._lock:
            while True:
                before = position
                position = self._done.end_at(position)
                for segment in self._active:
                    if segment.start <= position < segment.position:
                        position = segment.position
                if position == before:
                    return position

    def _begin(self, start: int, end: int) -> Segment:
        segment = Segment(start, end, start, start, time.monotonic())
        self._active.add(segment)
        return segment

    def _share(self) -> Segment | None:
        now = time.monotonic()
        worth = (segment for segment in self._active if segment.left >= WORTH_SHARING)
        slowest = max(worth, key=lambda segment: segment.seconds_left(now), default=None)
        if slowest is None or slowest.seconds_left(now) < WORTH_SECONDS:
            return None
        middle = slowest.claimed + slowest.left // 2
        end, slowest.end = slowest.end, middle
        return self._begin(middle, end)
