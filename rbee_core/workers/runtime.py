"""Starting a worker process and waiting until it answers."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contracts import Device, ModelEntry, WorkerBinary, WorkerRecipe
from ..contracts.recipe import RunSection
from ..errors import ErrorCode, RbeeError
from ..process_groups import end_group, ending, new_group, started_at
from .causes import LOOKED_AT, find_cause
from .environment import Environment
from .health import answers
from .log_tail import last_lines
from .placeholders import fill, used
from .running import RunningWorker, RunningWorkers

if TYPE_CHECKING:
    from ..jobs import Job

#: Seconds between two words to the person while a model loads.
_TELL_EVERY = 5.0
_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|ACCESS_KEY", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class StartOptions:
    """How a worker is started.

    :param devices: what it computes on, at least one; its process sees no other of their kind.
    :param context: tokens per request, or ``None`` for what the worker takes by itself.
    :param parallel: requests computed at once.
    :param gpu_layers: layers of the model on GPUs, the output counted as one; ``None`` for what the worker thinks best.
    :param tensor_split: of these, the layers on each of several GPUs.
    :param threads: how many threads pay off on the machine's processor, as its backend counts them.
    :param idle_timeout: seconds without a request after which the worker ends by itself.
    :param api_key_file: a file with the key that clients must send.
    :param attached: whether the worker has to end with this process, however that ends.
    """

    devices: tuple[Device, ...] = ()
    host: str = "127.0.0.1"
    port: int = 0
    context: int | None = None
    parallel: int = 1
    kv_type: str | None = None
    gpu_layers: int | None = None
    tensor_split: tuple[int, ...] = ()
    threads: int | None = None
    idle_timeout: float | None = None
    api_key_file: Path | None = None
    attached: bool = True


@dataclass(slots=True)
class Started:
    """A worker that answers, and its process: a child of ours."""

    worker: RunningWorker
    process: subprocess.Popen[bytes]


class Starter:
    """Starts workers and notes them in the registry."""

    def __init__(self, registry: RunningWorkers) -> None:
        self._registry = registry

    def start(
        self,
        recipe: WorkerRecipe,
        binary: WorkerBinary,
        entry: ModelEntry,
        options: StartOptions,
        job: Job,
    ) -> Started:
        """Start a worker and wait until it answers requests.

        :raises RbeeError: ``WORKER_START_FAILED`` with the log's last lines and its path; ``CANCELLED``.
        """
        if recipe.run is None:
            raise RbeeError(ErrorCode.WORKER_START_FAILED, f"{binary.id} does not say how it is started ([run]).")
        worker_id = self._registry.new_id(entry.id, binary.worker_type)
        log = self._registry.log_path(worker_id)
        ready_file = log.with_suffix(".ready")
        tells_port = "ready_file" in used(recipe.run.entry)
        port = options.port if tells_port else _free_port(options.host, options.port)
        device = ",".join(device.id for device in options.devices)
        values = _values(binary, entry, device, options)
        values |= {"worker_id": worker_id, "ready_file": ready_file, "port": port}
        job.emit("worker_start", f"Starting {binary.id} with {entry.id} on {device}.", worker=worker_id)
        argv = fill(recipe.run.entry, values)
        process = _spawn(argv, log, options, _environment(recipe, binary, options))
        try:
            worker = RunningWorker(
                id=worker_id,
                pid=process.pid,
                began=started_at(process.pid) or time.time(),
                host=options.host,
                # Not even a port that was asked for is known before the worker has it: another may answer there.
                port=0 if tells_port else port,
                model=entry.id,
                worker=binary.id,
                device=device,
                environment=binary.path,
                log=str(log),
                started_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                grace=recipe.run.grace_s + 2,
            )
            self._registry.save(worker)
            worker = _Wait(process, recipe.run, ready_file, job).until_ready(worker)
            self._registry.save(worker)
        except BaseException:
            end_group(process, grace=0)
            self._registry.forget(worker_id)
            raise
        finally:
            ready_file.unlink(missing_ok=True)
        job.emit("worker_ready", f"{binary.id} is ready.", worker=worker_id, url=worker.url)
        self._registry.prune_logs()
        return Started(worker, process)

    def stop(self, started: Started, *, grace: float | None = None) -> None:
        """End a worker that was started here."""
        end_group(started.process, started.worker.grace if grace is None else grace)
        if started.process.stdin is not None:
            started.process.stdin.close()
        self._registry.forget(started.worker.id)


class _Wait:
    """Waits for one worker: until it answers, ends, takes too long, or is not wanted any more."""

    def __init__(self, process: subprocess.Popen[bytes], run: RunSection, ready_file: Path, job: Job) -> None:
        self._process = process
        self._run = run
        self._ready_file = ready_file
        self._job = job

    def until_ready(self, worker: RunningWorker) -> RunningWorker:
        """The worker, with its port and as ready."""
        began = told = time.monotonic()
        pause = 0.01
        while True:
            if (status := self._process.poll()) is not None:
                raise _failed(worker, f"{ending(status)} before it was ready", status)
            if worker.port == 0:
                worker = replace(worker, port=self._port())
            if worker.port and answers(worker.url, self._run.health.path):
                return replace(worker, status="ready")
            now = time.monotonic()
            if now - began > self._run.health.start_timeout_s:
                raise _failed(worker, f"was not ready after {self._run.health.start_timeout_s:.0f} s")
            if now - told > _TELL_EVERY:
                told = now
                self._job.emit("worker_start_wait", f"Loading the model … {now - began:.0f} s", worker=worker.id)
            self._job.wait(pause)
            pause = min(pause * 1.3, 0.25)

    def _port(self) -> int:
        try:
            port = json.loads(self._ready_file.read_bytes())["port"]
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return port if type(port) is int and 0 < port < 65536 else 0


def _failed(worker: RunningWorker, what: str, status: int | None = None) -> RbeeError:
    log = Path(worker.log)
    cause = find_cause(last_lines(log, LOOKED_AT), status)
    shown = "".join(f"\n  {line}" for line in last_lines(log))
    told = f"{worker.worker} {what}: {cause.what}." if cause else f"{worker.worker} {what}."
    advice = f"{cause.advice}\n" if cause else ""
    return RbeeError(ErrorCode.WORKER_START_FAILED, told + shown, f"{advice}The whole log: {log}")


def _values(binary: WorkerBinary, entry: ModelEntry, device: str, options: StartOptions) -> dict[str, Any]:
    first = options.devices[0]
    # Where the process sees just the chosen ones, the first of them is its number 0.
    index = "0" if first.selector else first.id.rpartition("-")[2]
    return {
        "python": Environment(Path(binary.path)).python,
        "prefix": binary.path,
        "host": options.host,
        "model": entry.path,
        "model_id": entry.id,
        "backend": binary.worker_type,
        "device": device,
        "device_index": index if index.isdigit() else None,
        "context": options.context,
        "parallel": options.parallel,
        "kv_type": options.kv_type,
        "gpu_layers": options.gpu_layers,
        "tensor_split": ",".join(map(str, options.tensor_split)) or None,
        "threads": options.threads,
        "idle_timeout": options.idle_timeout,
        "api_key_file": options.api_key_file,
        "watch_fd": 0 if options.attached else None,
    }


def _environment(recipe: WorkerRecipe, binary: WorkerBinary, options: StartOptions) -> dict[str, str]:
    """This process's variables, and those that show the worker the chosen devices alone.

    Without this process's own Python's, and without secrets that are none of a worker's business.
    """
    dropped = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONSTARTUP", "__PYVENV_LAUNCHER__"}
    env = {k: v for k, v in os.environ.items() if k not in dropped and not _SECRET.search(k)}
    own = recipe.backend.get(binary.worker_type)
    return {**env, **(own.env if own else {}), **selection(options.devices), "PYTHONUNBUFFERED": "1"}


def selection(devices: Sequence[Device]) -> dict[str, str]:
    """The environment in which a process sees these devices alone, in this order."""
    chosen: dict[str, list[str]] = {}
    for device in devices:
        for variable, value in (device.selector or {}).items():
            chosen.setdefault(variable, []).append(value)
    return {variable: ",".join(dict.fromkeys(values)) for variable, values in chosen.items()}


def _spawn(argv: list[str], log: Path, options: StartOptions, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start the process, the head of a group of its own, with its output going to the log."""
    with log.open("ab") as output:
        try:
            return subprocess.Popen(
                argv,
                stdin=subprocess.PIPE if options.attached else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
                env=env,
                **new_group(),
            )
        except OSError as error:
            raise RbeeError(
                ErrorCode.WORKER_START_FAILED,
                f"{argv[0]} cannot be started: {error.strerror}",
                "Build the worker again: rbee workers build ID --force",
            ) from None


def _free_port(host: str, port: int) -> int:
    """A port that is free now, for a worker that does not choose one itself; the one asked for if there is one.

    :raises RbeeError: ``WORKER_START_FAILED``: it is taken.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise RbeeError(
                ErrorCode.WORKER_START_FAILED,
                f"Cannot listen on {host}:{port}: {error.strerror or error}",
                "Choose another --port or --host; port 0 takes a free one.",
            ) from None
        return int(probe.getsockname()[1])
