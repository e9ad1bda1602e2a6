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
#: While a rate rises by more than this share from one span to the next, the connections are still gathering speed.
RISING = 0.1
#: Seconds that more connections have to show that they pay; they, too, begin slowly.
PATIENCE = 3.0
#: A download that will be over within so many seconds is left as it is.
SOON = 1.0
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
        #: What is being tried: connections before, their rate, and until when it may take.
        self._trial: tuple[int, float, float] | None = None
        self._rate = 0.0
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
                self._end()
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
        last, self._rate = self._rate, rate
        if self._trial is None:
            if last and rate <= last * (1 + RISING):
                self._try(max(rate, last), left)
            return
        count, before, until = self._trial
        paid = before * (1 + WORTH * (self._budget.limit - count) / count)
        if min(rate, last) >= paid:  # twice in a row is no accident
            self._trial = None
            self.over = self._budget.limit >= self._most
        elif self._clock() > until:
            self._end()

    def _try(self, rate: float, left: int | None) -> None:
        if left is not None and left < rate * SOON:
            return
        count = self._budget.limit
        self._trial = count, rate, self._clock() + PATIENCE
        self._budget.resize(min(2 * count, self._most))
        self._rate, self._mark = 0.0, None

    def _end(self) -> None:
        """Try no more, and take back what is being tried."""
        if self._trial is not None:
            self._budget.resize(self._trial[0])
        self.over = True
