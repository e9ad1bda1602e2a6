"""Progress over several files: one running sum for a job, and one place to hear that it is over."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from ..errors import ErrorCode, RbeeError
from ..jobs import Job
from .budget import Budget

_POLL = 0.1


@dataclass(slots=True)
class Tally:
    """Adds up the bytes of many files, perhaps from many threads, and reports them to the job.

    :param total: bytes of all files, or ``None`` when unknown.
    """

    job: Job
    total: int | None = None
    done: int = 0
    #: The connections that all these files share.
    budget: Budget = field(init=False)
    _due: float = 0.0
    _stopped: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Share out as many connections as the job has."""
        self.budget = Budget(self.job.options.connections)

    def add(self, count: int, file: str | None = None) -> None:
        """``count`` more bytes are done (fewer, if negative: what was fetched has to be fetched again)."""
        self.check()
        with self._lock:
            self.done += count
            done = self.done
        self.job.progress(done, self.total, file=file)

    def pace(self, count: int) -> None:
        """Wait as long as ``count`` bytes take at ``job.options.max_rate`` (bytes per second, all files together)."""
        rate = self.job.options.max_rate
        if not rate:
            return
        with self._lock:
            now = time.monotonic()
            self._due = max(self._due, now) + count / rate
            delay = self._due - now
        self.wait(delay)

    def stop(self) -> None:
        """End every transfer that counts here, because one of them failed; the job itself goes on to tell why."""
        self._stopped.set()

    def check(self) -> None:
        """Stop here if asked to.

        :raises RbeeError: ``CANCELLED``.
        """
        self.job.check_cancelled()
        if self._stopped.is_set():
            raise RbeeError(ErrorCode.CANCELLED, "Stopped, because another file of the model failed.")

    def wait(self, seconds: float) -> None:
        """Sleep, but wake up and raise when cancelled or stopped."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.job.wait(min(left, _POLL))
            self.check()
