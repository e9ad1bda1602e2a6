"""Trying again: when, how often, and what to say in the end."""

from __future__ import annotations

import random

from ..contracts.job import Level
from ..errors import ErrorCode, RbeeError
from .source import TryLaterError
from .tally import Tally

#: Tries without a new byte before a download is given up.
TRIES = 6
#: Seconds before the second try; each further wait is twice the one before, up to the longest.
BACKOFF = 0.5
LONGEST_WAIT = 15.0
#: The longest that a source may ask us to wait, in seconds.
LONGEST_PATIENCE = 120.0


class Retry:
    """Counts tries that brought nothing, and waits longer after each (exponential back-off with jitter).

    :param what: named in messages.
    :param tries: how many in a row may bring nothing.
    """

    def __init__(self, what: str, tally: Tally, *, tries: int = TRIES) -> None:
        self._what = what
        self._tally = tally
        self._tries = tries
        self._failed = 0
        self._best = 0

    def reached(self, offset: int) -> None:
        """A byte beyond all earlier ones arrived: the count starts again."""
        if offset > self._best:
            self._best, self._failed = offset, 0

    def failed(self, error: OSError) -> None:
        """One more try failed: wait before the next.

        :raises RbeeError: ``DOWNLOAD_TIMEOUT`` or ``DOWNLOAD_FAILED``, if it was the last one.
        """
        self._failed += 1
        why = str(error) or type(error).__name__
        if self._failed >= self._tries:
            late = isinstance(error, TimeoutError)
            raise RbeeError(
                ErrorCode.DOWNLOAD_TIMEOUT if late else ErrorCode.DOWNLOAD_FAILED,
                f"{self._what}: {why}" + (f" ({self._tries} tries)" if self._tries > 1 else ""),
                "Look at the connection and run it again: what has arrived is kept.",
            ) from error
        delay = min(BACKOFF * 2 ** (self._failed - 1), LONGEST_WAIT) * random.uniform(0.5, 1)  # noqa: S311 — no secret
        if isinstance(error, TryLaterError):
            delay = max(delay, min(error.seconds, LONGEST_PATIENCE))
        human = f"{self._what}: {why}; trying again in {delay:.1f} s"
        self._tally.job.emit("transfer_retry", human, level=Level.DEBUG, attempt=self._failed, delay=delay)
        self._tally.wait(delay)
