"""`Job`: the handle that long work gets, to tell how it goes and to be told to stop. It never prints."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from .contracts.common import Digest
from .contracts.download import DownloadedFile
from .contracts.job import JobEvent, Level
from .errors import ErrorCode, RbeeError

Listener = Callable[[JobEvent], None]
Found = TypeVar("Found")

#: A progress event at most this often, in seconds, besides the last: enough for the eye, cheap for a stream.
PROGRESS_INTERVAL = 0.1
#: Connections that a download may grow to where the person names no number.
MOST_CONNECTIONS = 32


@dataclass(slots=True)
class JobOptions:
    """What a person asked for beside the reference; a vendor honours what makes sense for its source."""

    revision: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    copy: bool = False
    insecure: bool = False
    offline: bool = False
    connections: int = 16
    #: To how many the engine may go where more of them bring more; no more than ``connections``, unless this is higher.
    most_connections: int = 0
    max_rate: int | None = None
    stall_timeout: float = 30.0


@dataclass(slots=True)
class _Stamp:
    """A file's identity when its digest was taken; any write to it since changes one of these."""

    inode: int
    size: int
    mtime_ns: int
    digest: Digest


@dataclass(slots=True)
class Job:
    """One piece of long work.

    :param listener: called with each event, in order, from whichever thread emits it.
    """

    listener: Listener | None = None
    options: JobOptions = field(default_factory=JobOptions)
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    actor: str = "rbee"
    #: Files of this model, by name, whose bytes the store has already: a vendor need not fetch them.
    present: dict[str, DownloadedFile] = field(default_factory=dict)
    #: Told of the progress that is told: stage, bytes done, of how many.
    watchers: list[Callable[[str, int, int | None], None]] = field(default_factory=list)
    _stage: str = ""
    _seq: int = 0
    _last_progress: float = 0.0
    _ended: bool = False
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _stamps: dict[str, _Stamp] = field(default_factory=dict)
    _found: dict[Hashable, Any] = field(default_factory=dict)

    def emit(
        self, action: str, human: str, *, actor: str | None = None, level: Level = Level.INFO, **data: Any
    ) -> None:
        """Tell one step; ``data`` holds its facts. After the job's end nothing is told any more."""
        with self._lock:
            if self._ended:
                return
            event = JobEvent(
                job_id=self.id,
                seq=self._seq,
                actor=actor or self.actor,
                action=action,
                human=human,
                level=level,
                timestamp=datetime.now(UTC),
                data=data,
            )
            self._seq += 1
            if self.listener is not None:
                self.listener(event)

    @contextmanager
    def stage(self, prefix: str, actor: str) -> Iterator[None]:
        """Name what the job is at: ``stage("model_download", …)`` makes its progress ``model_download_progress``."""
        before = self._stage, self.actor
        self._stage, self.actor, self._last_progress = prefix, actor, 0.0
        try:
            yield
        finally:
            self._stage, self.actor = before

    def progress(self, done: int, total: int | None = None, *, file: str | None = None) -> None:
        """Tell how many bytes are done, of how many. Call it as often as is convenient: ten times a second is told."""
        now = time.monotonic()
        with self._lock:
            if now - self._last_progress < PROGRESS_INTERVAL and done != total:
                return
            self._last_progress = now
        action = f"{self._stage or 'job'}_progress"
        facts: dict[str, Any] = {"done": done, "total": total} | ({"file": file} if file else {})
        self.emit(action, f"{done} of {total or '?'} bytes", level=Level.DEBUG, **facts)
        for watcher in list(self.watchers):
            watcher(self._stage, done, total)

    def log(self, line: str) -> None:
        """Pass on one line of a tool's output, such as a build's."""
        self.emit(f"{self._stage or 'job'}_output", line, level=Level.DEBUG)

    def once(self, key: Hashable, find: Callable[[], Found]) -> Found:
        """What ``find`` returns, looked for once in the whole of the job: what was shown is what is downloaded.

        Safe from many threads; all get the same. What ``find`` raises is raised, and not kept.

        :param key: what is looked for, and by whom: ``(self, str(ref))`` in a vendor.
        """
        with self._lock:
            if key in self._found:
                return cast("Found", self._found[key])
        found = find()
        with self._lock:
            return cast("Found", self._found.setdefault(key, found))

    # --- stopping ---------------------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Ask the work to stop; it does so at its next check. Safe from a signal handler and from any thread."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._cancelled.is_set()

    def check_cancelled(self) -> None:
        """Stop here if asked to.

        :raises RbeeError: ``CANCELLED``.
        """
        if self.cancelled:
            raise self.interruption()

    @staticmethod
    def interruption() -> RbeeError:
        """The error that ends a cancelled job."""
        return RbeeError(ErrorCode.CANCELLED, "Interrupted.", "What was done so far is kept; run it again to go on.")

    def wait(self, seconds: float) -> None:
        """Sleep, but wake up and raise when cancelled."""
        self._cancelled.wait(seconds)
        self.check_cancelled()

    @contextmanager
    def running(self) -> Iterator[Job]:
        """Run the job's body; its last event is ``done``, ``cancelled`` or ``error``, exactly one of them."""
        try:
            yield self
        except KeyboardInterrupt:
            self.cancel()
            self._end("cancelled", "Interrupted.", Level.WARN)
            raise
        except RbeeError as error:
            if error.code is ErrorCode.CANCELLED:
                self._end("cancelled", error.message, Level.WARN)
            else:
                self._end("error", error.message, Level.ERROR, code=error.code.value, hint=error.hint)
            raise
        except BaseException as error:
            self._end("error", f"{type(error).__name__}: {error}", Level.ERROR)
            raise
        self._end("done", "Done.", Level.DEBUG)

    def _end(self, action: str, human: str, level: Level, **data: Any) -> None:
        with self._lock:
            self.emit(action, human, level=level, **data)
            self._ended = True

    # --- digests taken while writing --------------------------------------------------------------------------------

    def record_digest(self, path: Path, digest: Digest) -> None:
        """Note the digest that a file's bytes had as they were written, so that nobody needs to read them again.

        For code that hashed every byte on its way to the disk (``rbee_core.transfer``), once the file is closed.
        """
        status = path.stat()
        stamp = _Stamp(status.st_ino, status.st_size, status.st_mtime_ns, digest)
        self._stamps[os.path.realpath(path)] = stamp

    def recorded_digest(self, path: Path) -> Digest | None:
        """The digest noted for this file, unless the file was touched since."""
        stamp = self._stamps.get(os.path.realpath(path))
        if stamp is None:
            return None
        status = path.stat()
        same = (status.st_ino, status.st_size, status.st_mtime_ns) == (stamp.inode, stamp.size, stamp.mtime_ns)
        return stamp.digest if same else None
