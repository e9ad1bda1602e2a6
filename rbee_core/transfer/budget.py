"""How many connections a job may have open: one number for all its files, fewer where servers refuse more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds after a refusal before more connections are tried again.
CALM = 5.0
_POLL = 0.1


class Budget:
    """Connections to share out.

    :param most: open at one time, until `resize`.
    """

    def __init__(self, most: int) -> None:
        self._most = self._limit = max(1, most)
        self._used = 0
        self._waiting = 0
        #: How many a server did not take.
        self.refusals = 0
        self._refused_at = 0.0
        self._change = threading.Condition()

    @property
    def limit(self) -> int:
        """How many there are at the moment."""
        return self._limit

    @property
    def wanted(self) -> bool:
        """Whether one should be given back: a file has none and waits for one, or there are too many."""
        return self._waiting > 0 or self._used > self._limit

    @property
    def exhausted(self) -> bool:
        """Whether all of them are in use, and no more."""
        return self._used == self._limit

    def resize(self, most: int) -> None:
        """Have more from now on, or fewer: those that are in use beyond that are given back one by one."""
        with self._change:
            self._limit = most if most > self._most else min(self._limit, most)
            self._most = most
            self._change.notify_all()

    def take(self, check: Callable[[], None]) -> None:
        """Wait for a connection; ``check`` is called now and then, and may raise."""
        with self._change:
            self._waiting += 1
            try:
                while self._used >= self._limit:
                    check()
                    self._change.wait(_POLL)
                self._used += 1
            finally:
                self._waiting -= 1

    def take_spare(self) -> bool:
        """Take one more, if one is free and nobody waits for his first."""
        with self._change:
            if self._waiting or self._used >= self._limit:
                return False
            self._used += 1
            return True

    def give(self) -> None:
        """Give one back."""
        with self._change:
            self._used -= 1
            self._change.notify()

    @contextmanager
    def one(self, check: Callable[[], None]) -> Iterator[None]:
        """Have one for a while."""
        self.take(check)
        try:
            yield
        finally:
            self.give()

    def refused(self) -> None:
        """A server did not take one of several connections: have one fewer."""
        with self._change:
            self._refused_at = time.monotonic()
            self.refusals += 1
            self._limit = max(1, min(self._limit, self._used) - 1)

    def served(self) -> None:
        """A connection did its work: if none was refused for a while, have one more."""
        if self._limit < self._most and time.monotonic() - self._refused_at > CALM:
            with self._change:
                self._limit = min(self._most, self._limit + 1)
                self._change.notify()
