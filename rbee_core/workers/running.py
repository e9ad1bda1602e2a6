"""Workers that run here: one small file each in the state folder, believed only while its process lives."""

from __future__ import annotations

import json
import re
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import ErrorCode, RbeeError
from ..process_groups import ask_to_end, is_running, kill_group, started_at, wait_gone
from .causes import LOOKED_AT, ended_orderly, find_cause
from .log_tail import last_lines

#: Logs of ended workers that are kept.
_KEPT_LOGS = 50
#: Seconds for which a crash is told.
_CRASHES_SHOWN = 24 * 3600
CRASHED = "crashed"
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


@dataclass(frozen=True, slots=True)
class RunningWorker:
    """A worker process.

    ``pid`` heads its process group and ``began`` is when that process was created (seconds since the epoch): together
    they name it for good. ``port`` is 0 until it is known, ``environment`` the folder of the build it runs from,
    ``status`` is ``starting``, ``ready`` or, once it was seen to have ended by itself, ``crashed``; ``reason`` then
    says why. ``started_at`` is an ISO time, ``grace`` the seconds it is given to end.
    """

    id: str
    pid: int
    began: float
    host: str
    port: int
    model: str
    worker: str
    device: str
    environment: str
    log: str
    started_at: str
    grace: float = 10.0
    status: str = "starting"
    reason: str | None = None

    @property
    def url(self) -> str:
        """The API's base, without ``/v1``; where it listens on every interface, the loopback one."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 — compared, not bound
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return f"http://{host}:{self.port}"

    def summary(self) -> dict[str, Any]:
        """What ``serve --detach --json`` prints."""
        return {
            "id": self.id,
            "url": self.url,
            "pid": self.pid,
            "port": self.port,
            "model": self.model,
            "worker": self.worker,
        }

    def row(self) -> dict[str, Any]:
        """A row of ``ps --json``."""
        row = {**self.summary(), "status": self.status, "startedAt": self.started_at, "device": self.device}
        return {**row, "reason": self.reason} if self.reason else row


class RunningWorkers:
    """The registry of running workers.

    :param state: the state folder; ``workers/`` and ``logs/`` in it are made when needed.
    """

    def __init__(self, state: Path) -> None:
        self._folder = state / "workers"
        self._logs = state / "logs"

    def new_id(self, model: str, backend: str) -> str:
        """A name for a new worker, such as ``stories-cpu-1a2b``; it is taken from here on."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        stem = re.sub(r"[^a-z0-9]+", "-", re.split(r"[/:]", model.lower().rstrip("/:"))[-1].removesuffix(".gguf"))
        stem = stem.strip("-")[:40].strip("-") or "model"
        while True:
            worker_id = f"{stem}-{re.sub(r'[^a-z0-9]+', '-', backend)}-{secrets.token_hex(2)}"
            with suppress(FileExistsError):
                self.log_path(worker_id).open("x").close()
                return worker_id

    def log_path(self, worker_id: str) -> Path:
        """Where a worker's output goes."""
        return self._logs / f"{worker_id}.log"

    def save(self, worker: RunningWorker) -> None:
        """Note a worker, or what changed about it."""
        from ..plugins.files import write_json

        write_json(self._folder / f"{worker.id}.json", asdict(worker))

    def forget(self, worker_id: str) -> None:
        """A worker has ended."""
        (self._folder / f"{worker_id}.json").unlink(missing_ok=True)

    def alive(self) -> list[RunningWorker]:
        """The workers that run, the oldest first."""
        return [worker for worker in self.known() if worker.status != CRASHED]

    def known(self) -> list[RunningWorker]:
        """The workers that run and those that crashed since yesterday, the oldest first; other notes are dropped."""
        workers = []
        for path in self._folder.glob("*.json") if self._folder.is_dir() else ():
            worker = _read(path)
            if worker is not None and not is_running(worker.pid, worker.began):
                worker = self._ended(worker, path)
            if worker is None:
                path.unlink(missing_ok=True)
            else:
                workers.append(worker)
        return sorted(workers, key=lambda worker: (worker.began, worker.id))

    def _ended(self, worker: RunningWorker, path: Path) -> RunningWorker | None:
        """What is to be said of a worker that does not run any more: nothing, unless it should have."""
        if worker.status == CRASHED:
            return worker if time.time() - _age(path) < _CRASHES_SHOWN else None
        # One that was not ready yet has been told of by whoever started it; a reboot is nobody's crash. And another
        # process may have the id now: then nothing is known of this one's end.
        if worker.status != "ready" or worker.began < _boot_time() or started_at(worker.pid) is not None:
            return None
        lines = last_lines(Path(worker.log), LOOKED_AT)
        if ended_orderly(lines[-5:]):
            return None
        cause = find_cause(lines)
        crashed = replace(worker, status=CRASHED, reason=cause.what if cause else "it ended by itself")
        self.save(crashed)
        return crashed

    def get(self, worker_id: str) -> RunningWorker:
        """The worker with an id that runs, or has crashed.

        :raises RbeeError: ``WORKER_NOT_FOUND``.
        """
        workers = self.known()
        for worker in workers:
            if worker.id == worker_id:
                return worker
        known = ", ".join(worker.id for worker in workers) or "none"
        raise RbeeError(
            ErrorCode.WORKER_NOT_FOUND, f"No worker {worker_id!r} is running; running: {known}.", "See: rbee ps"
        )

    def stop(self, worker: RunningWorker, *, grace: float | None = None) -> None:
        """Ask a worker to end, and kill its whole process group if it has not done so in time."""
        if worker.status == CRASHED:
            self.forget(worker.id)
            return
        ask_to_end(worker.pid)
        wait_gone(worker.pid, worker.began, worker.grace if grace is None else grace)
        kill_group(worker.pid)
        wait_gone(worker.pid, worker.began, 5)
        self.forget(worker.id)

    def find_log(self, worker_id: str) -> Path:
        """The log of a worker, running or ended.

        :raises RbeeError: ``WORKER_NOT_FOUND``.
        """
        path = self.log_path(worker_id)
        if not _ID.fullmatch(worker_id) or not path.is_file():
            kept = ", ".join(sorted(log.stem for log in self._logs.glob("*.log"))) if self._logs.is_dir() else ""
            raise RbeeError(
                ErrorCode.WORKER_NOT_FOUND,
                f"There is no log of {worker_id!r}; there is: {kept or 'none'}.",
                "See: rbee ps",
            )
        return path

    def prune_logs(self) -> None:
        """Delete the oldest logs of ended workers."""
        running = {worker.id for worker in self.known()}
        ended = sorted((log for log in self._logs.glob("*.log") if log.stem not in running), key=_age)
        for log in ended[:-_KEPT_LOGS]:
            log.unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _boot_time() -> float:
    import psutil

    return float(psutil.boot_time())


def _read(path: Path) -> RunningWorker | None:
    try:
        worker = RunningWorker(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    # A pid of 0 or below would mean whole groups of processes to the calls that end one.
    sound = type(worker.pid) is int and worker.pid > 1 and worker.id == path.stem and _ID.fullmatch(worker.id)
    return worker if sound and isinstance(worker.began, int | float) else None
