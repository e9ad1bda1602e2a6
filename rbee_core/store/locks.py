"""Locks between processes, which say who holds them.

A lock is ``<name>.lock``, held through the operating system (filelock), so that a killed holder's is free at once; who
holds it stands beside it in ``<name>.holder``, how far it is in ``<name>.progress``: whoever waits shows that.
The lock file itself stays: removing it would part its waiters.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ErrorCode, RbeeError
from .names import escape_id
from .progress import shared_progress, show_progress

if TYPE_CHECKING:
    from filelock import BaseFileLock

    from ..jobs import Job

_FIRST_PAUSE, _LAST_PAUSE = 0.002, 0.05
# Seconds after which a wait is worth telling.
_TELL_AFTER = 0.25
# What flock answers on file systems without it (some NFS, FUSE and container mounts).
_NO_FLOCK = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}

# The folder is read-only, somebody else's, or no folder.
_NOT_MINE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}

_held: set[tuple[str, int]] = set()


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, and what they do meanwhile."""

    pid: int
    host: str
    doing: str

    def __str__(self) -> str:
        where = "" if self.host == socket.gethostname() else f" on {self.host}"
        return f"process {self.pid}{where}" + (f" ({self.doing})" if self.doing else "")


OnWait = Callable[[Holder | None], None]


@contextmanager
def lock(
    folder: Path,
    name: str,
    *,
    doing: str = "",
    job: Job | None = None,
    on_wait: OnWait | None = None,
    timeout: float | None = None,
) -> Iterator[None]:
    """Hold the lock ``name`` of ``folder`` (which is made), waiting for it as long as it takes.

    :param doing: told to whoever waits meanwhile.
    :param job: the wait ends at once when it is cancelled, and is told as ``store_lock_wait``.
    :param on_wait: called when there is a wait, and again whenever somebody else has become the holder.
    :param timeout: seconds to wait at most; 0 tries once.
    :raises RbeeError: ``CANCELLED``.
    :raises TimeoutError: not got within ``timeout``.
    :raises RuntimeError: this thread holds it already.
    """
    _make(folder)
    base = folder / escape_id(name)
    mine = (os.path.realpath(base), threading.get_ident())
    if mine in _held:
        raise RuntimeError(f"the lock {name!r} is taken twice by one thread")
    handle = _acquire(base, _Patience(base, name, job, on_wait, timeout))
    _held.add(mine)
    try:
        with shared_progress(base, job):
            _sign(base, doing)
            yield
    finally:
        _held.discard(mine)
        with suppress(OSError):
            _holder_file(base).unlink()
        handle.release()


def holder(folder: Path, name: str) -> Holder | None:
    """Who was last known to hold a lock; ``None`` when it is free or does not say."""
    return _read_holder(folder / escape_id(name))


@dataclass(slots=True)
class _Patience:
    """One wait: how long it may last, and whom to tell."""

    base: Path
    name: str
    job: Job | None
    on_wait: OnWait | None
    timeout: float | None
    pause: float = _FIRST_PAUSE
    waited: float = 0.0
    told_at: float = 0.0
    told: Holder | None = None
    quiet: bool = True

    def wait(self) -> None:
        if self.timeout is not None and self.waited >= self.timeout:
            raise TimeoutError(f"{self.name} is held by {_read_holder(self.base) or 'another process'}")
        if self.waited - self.told_at >= _TELL_AFTER:
            self.told_at = self.waited
            self._tell()
        begun = time.monotonic()
        if self.job is None:
            time.sleep(self.pause)
        else:
            self.job.wait(self.pause)
        self.waited += time.monotonic() - begun
        self.pause = min(self.pause * 1.2, _LAST_PAUSE)

    def _tell(self) -> None:
        if self.job is not None:
            show_progress(self.base, self.job)
        now = _read_holder(self.base)
        if not self.quiet and (now is None or now == self.told):
            return
        self.quiet, self.told = False, now
        if self.on_wait is not None:
            self.on_wait(now)
        elif self.job is not None:
            who = now or "another process"
            self.job.emit("store_lock_wait", f"Waiting for {who}.", lock=self.name, holder=asdict(now) if now else None)


def _acquire(base: Path, patience: _Patience) -> BaseFileLock:
    from filelock import FileLock, SoftFileLock, Timeout

    path = str(base) + ".lock"
    handle: BaseFileLock = FileLock(path, thread_local=False, fallback_to_soft=False)
    while True:
        if patience.job is not None:
            patience.job.check_cancelled()
        try:
            handle.acquire(timeout=0)
        except Timeout:
            patience.wait()
        except OSError as error:
            if error.errno in _NOT_MINE:
                raise _not_writable(path, error) from None
            if error.errno not in _NO_FLOCK or isinstance(handle, SoftFileLock):
                raise
            # A name of its own: a soft lock is held while its file exists, and the one above stays for good.
            handle = SoftFileLock(f"{base}.softlock", thread_local=False)
        else:
            return handle


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in _NOT_MINE:
            raise _not_writable(str(folder), error) from None
        raise


def _not_writable(path: str, error: OSError) -> RbeeError:
    return RbeeError(
        ErrorCode.UNSAFE_PATH,
        f"{path} cannot be written: {error.strerror}.",
        "Make that folder writable for you, or set RBEE_MODELS_DIR to one that is.",
    )


def _holder_file(base: Path) -> Path:
    return base.with_name(base.name + ".holder")


def _sign(base: Path, doing: str) -> None:
    me = Holder(os.getpid(), socket.gethostname(), doing)
    # Only a courtesy to whoever waits: a full disk must not keep the lock from being used.
    with suppress(OSError):
        _holder_file(base).write_text(json.dumps(asdict(me)), encoding="utf-8")


def _read_holder(base: Path) -> Holder | None:
    try:
        found = json.loads(_holder_file(base).read_bytes()[:4096])
        return Holder(int(found["pid"]), str(found["host"])[:255], str(found["doing"])[:500])
    except (OSError, ValueError, KeyError, TypeError):
        return None
