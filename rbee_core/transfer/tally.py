"""Progress over several files: one running sum for a job."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from ..jobs import Job


@dataclass(slots=True)
class Tally:
    """Adds up the bytes of many files, perhaps from many threads, and reports them to the job.

    :param total: bytes of all files, or ``None`` when unknown.
    """

    job: Job
    total: int | None = None
    done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, count: int, file: str | None = None) -> None:
        """``count`` more bytes are done (fewer, if negative: what was fetched has to be fetched again)."""
        self.job.check_cancelled()
        with self._lock:
            self.done += count
            done = self.done
        self.job.progress(done, self.total, file=file)
