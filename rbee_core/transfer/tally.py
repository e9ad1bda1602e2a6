"""Progress over several files: one running sum for a job, and one place to hear that it is over."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from ..errors import ErrorCode, RbeeError
from ..jobs import Job
from .budget import Budget
from .growth import Growth

_POLL = 0.1


@dataclass(slots=True)
class Tally:
    """Adds up the bytes of many files, perhaps from many threads, and reports them to the job.

    :param total: bytes of all files, or ``None`` when unknown.
    """

    job: Job
    total: int | None = None
    done: int = 0
    #: Bytes that came over the network, those of broken and repeated pieces among them.
    received: int = 0
    #: The connections that all these files share, and what makes them more.
    budget: Budget = field(init=False)
    growth: Growth = field(init=False)
    _due: float = 0.0
    _stopped: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Share out as many connections as the job has."""
        options = self.job.options
        self.budget = Budget(options.connections)
        # Under a rate limit more connections would bring no more.
        self.growth = Growth(self.budget, 0 if options.max_rate else options.most_connections)

    def add(self, count: int, file: str | None = None) -> None:
        """``count`` more bytes are done (fewer, if negative: what was fetched has to be fetched again)."""
        self.check()
        with self._lock:
            self.done += count
            done = self.done
        self.job.progress(done, self.total, file=file)

    def pace(self, count: int) -> None:
        """Count bytes that came, and wait as long as they take at ``job.options.max_rate`` (bytes per second, all
        files together)."""
        rate = self.job.options.max_rate
        with self._lock:
            self.received += count
            if not rate:
                return
            now = time.monotonic()
            self._due = max(self._due, now) + count / rate
            delay = self._due - now
        self.wait(delay)

    def grow(self) -> None:
        """Have more connections, if that pays; to be called now and then while something arrives."""
        self.growth.look(self.received, None if self.total is None else self.total - self.done)

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
