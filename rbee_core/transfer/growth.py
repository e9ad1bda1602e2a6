"""Whether more connections bring more: tried where a server holds each one back, and taken back where it does not pay.

Many servers give each connection a fixed rate, and the line has room for more of them. Others share out one rate, or
the line, the disk or this machine is the limit: there, more connections only take from other people. Which it is shows
when their number is doubled for a moment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .budget import Budget

#: Seconds over which a rate is measured.
SPAN = 0.2
#: Two rates in a row that differ by less than this share are steady: connections begin slowly.
STEADY = 0.1
#: Seconds that more connections have to show that they pay.
PATIENCE = 1.5
#: They pay if they bring this much of what they would at the old ones' rate.
WORTH = 0.5


class Growth:
    """Doubles a budget, up to ``most``, while each connection goes on to bring about as much as before.

    It looks at what arrives while all connections are in use. A server that refuses one ends it for good, and so does
    the first try that does not pay.

    :param budget: starts with the number that is always taken.
    :param most: connections; no more than the budget has means: never.
    """

    def __init__(self, budget: Budget, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._budget = budget
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        #: The rate to begin with, before the try that is going on, and until when that may take.
        self._before: tuple[int, float, float] | None = None
        self._rate: float | None = None
        self._mark: tuple[float, int] | None = None
        self.over = most <= budget.limit

    def look(self, received: int, left: int | None) -> None:
        """Measure, and decide; cheap, and to be called a few times in each `SPAN`, from any thread.

        :param received: bytes in all, so far.
        :param left: bytes to come, where that is known.
        """
        if self.over or not self._lock.acquire(blocking=False):
            return
        try:
            if self._budget.refusals:
                self._end(paid=False)
            elif (rate := self._measured(received)) is not None:
                self._decide(rate, left)
        finally:
            self._lock.release()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _measured(self, received: int) -> float | None:
        """Bytes per second over the last span, if all connections were in use in all of it."""
        now = self._clock()
        if not self._budget.exhausted:
            self._mark = None
        if self._mark is None:
            self._mark = now, received
            return None
        since, before = self._mark
        if now - since < SPAN:
            return None
        self._mark = now, received
        return (received - before) / (now - since)

    def _decide(self, rate: float, left: int | None) -> None:
        steady = self._rate is not None and abs(rate - self._rate) <= STEADY * self._rate
        last, self._rate = self._rate, rate
        if self._before is None:
            if steady and last is not None:
                self._try(max(rate, last), left)
            return
        count, old, until = self._before
        paid = old * (1 + WORTH * (self._budget.limit - count) / count)
        if rate >= paid and steady:
            self._before = None
            self.over = self._budget.limit >= self._most
        elif self._clock() > until:
            self._end(paid=rate >= paid)

    def _end(self, *, paid: bool) -> None:
        """Try no more; what is being tried just now stays if it paid."""
        if self._before is not None and not paid:
            self._budget.resize(self._before[0])
        self.over = True

    def _try(self, rate: float, left: int | None) -> None:
        if left is not None and left < rate * PATIENCE / 2:
            return  # it would be over before it is known
        count = self._budget.limit
        self._before = count, rate, self._clock() + PATIENCE
        self._budget.resize(min(2 * count, self._most))
        self._mark = self._rate = None
