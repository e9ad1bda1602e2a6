"""Inside the process: the hooks, called as rbee calls them, and what came of it as JSON."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from ...contracts import Device, DownloadResult, JobEvent, ModelManifest, WorkerRecipe
from ...jobs import Job, JobOptions
from ...plugins.import_watch import ImportWatch
from ...plugins.loading import register
from ...plugins.problems import package_of
from ...plugins.records import PluginRecord, normalise, scan
from ...refs import ModelRef
from .outcome import outcome
from .watch import Watch

#: Seconds of one tick: time is counted in ticks, which a machine that is too busy counts more slowly too.
TICK = 0.05


def installed(kind: str, name: str, dist: str) -> PluginRecord:
    """The plugin of a distribution, given by its normalised name.

    :raises LookupError: there is none.
    """
    found = [record for record in scan() if record.key == (kind, name, dist)]
    if not found:
        raise LookupError(f"no distribution {dist} with an entry point {name!r} in rbee.{kind}s is installed")
    return found[0]


class Calls:
    """One plugin, and what can be asked of it."""

    def __init__(self, watch: Watch, kind: str, name: str, dist: str) -> None:
        self._watch = watch
        self._key = (kind, name, normalise(dist))
        self._record: PluginRecord | None = None
        self._job: _WatchedJob | None = None
        self._hooks: Any = None
        #: What the last question's hooks called of the system.
        self.seen: list[str] = []

    def load(self) -> dict[str, Any]:
        """Import and register it, as rbee does."""
        self._record = installed(*self._key)
        with ImportWatch(package_of(self._record.entry_point)) as watch:
            self._hooks = self._instance()
        hooks = [name for name, caller in vars(self._hooks).items() if name[0] != "_" and caller.get_hookimpls()]
        schemes = [record.name for record in scan() if (record.kind, normalise(record.dist)) == self._key[::2]]
        return {"modules": watch.modules, "heavy": watch.heavy(), "hooks": sorted(hooks), "schemes": schemes}

    def supports(self, refs: list[str]) -> dict[str, Any]:
        """Each reference's answers, and what was called to find them."""
        parsed = {text: ModelRef.parse(text) for text in refs}
        with self._watch.calls(everything=True, forbid=True) as self.seen:
            answers = {text: self._hooks.supports_model(ref=ref) for text, ref in parsed.items()}
        return {"answers": {text: [repr(one) for one in given] for text, given in answers.items()}}

    def resolve(self, ref: str, **options: Any) -> dict[str, Any]:
        """The manifest."""
        job = self._new_job(options)
        with self._watch.calls(forbid=job.options.offline) as self.seen:
            result = self._hooks.resolve_model(ref=ModelRef.parse(ref), job=job)
        return _told(result, ModelManifest)

    def download(self, ref: str, dest: str, cancel: str = "", instances: int = 1, **options: Any) -> dict[str, Any]:
        """The result, of one download or of several at the same time (``dest/0``, ``dest/1``, …).

        :param cancel: ``at once``, at the first ``progress``; or ``die``, by killing the process at the first progress.
        """
        if instances > 1:
            return self._together(ref, Path(dest), instances, options)
        self._job = job = self._new_job(options, cancel)
        Path(dest).mkdir(parents=True, exist_ok=True)
        with self._watch.calls(forbid=job.options.offline) as self.seen:
            try:
                result = self._hooks.download_model(ref=ModelRef.parse(ref), dest=Path(dest), job=job)
            finally:
                job.over.set()
        return _told(result, DownloadResult)

    def late(self) -> dict[str, Any]:
        """How long the last job's work went on after it was cancelled, in seconds; ``None`` if it was not."""
        assert self._job is not None
        return {"late": None if not self._job.cancelled else self._job.ticks * TICK}

    def read(self, ref: str, name: str, parts: list[tuple[int, int]]) -> dict[str, Any]:
        """Parts of a file, in hexadecimal."""
        job, parsed = self._new_job({}), ModelRef.parse(ref)
        found = [
            self._hooks.read_model(ref=parsed, name=name, start=start, length=length, job=job)
            for start, length in parts
        ]
        return {"parts": [part.hex() if isinstance(part, bytes) else repr(part) for part in found]}

    def detect(self, instances: int = 1, path: str | None = None) -> dict[str, Any]:
        """The devices; by several instances at the same time, those of each.

        :param path: the environment variable ``PATH`` meanwhile.
        """
        before = os.environ["PATH"]
        try:
            if path is not None:
                os.environ["PATH"] = path
            with self._watch.calls() as self.seen:
                found = _in_threads([self._detection() for _ in range(instances)])
        finally:
            os.environ["PATH"] = before
        return {"found": found}

    def build(self, dest: str, cancelled: bool = False) -> dict[str, Any]:
        """What comes of a recipe whose build system nobody knows; or of one of system ``pip``, cancelled beforehand."""
        given = {"id": "contract", "name": "Contract", "version": "1", "description": "", "license": "MIT"}
        feature = self._key[1]
        section = {"system": "pip", "pip": {}, "features": [feature], "default_feature": feature}
        recipe = WorkerRecipe.model_validate({**given, "build": section})
        if not cancelled:
            recipe.build.__dict__["system"] = "unknown-to-all"  # a recipe of a later rbee
        Path(dest).mkdir(parents=True)
        variant = recipe.variants()[0]
        job = self._new_job({}, "at once" if cancelled else "")
        with self._watch.calls(forbid=True) as self.seen:
            result = self._hooks.build_worker(recipe=recipe, variant=variant, dest=Path(dest), job=job, devices=[])
        return {"result": repr(result), "left": sorted(path.name for path in Path(dest).rglob("*"))}

    def cancel(self) -> None:
        """Cancel the job that is going on; called in another thread."""
        if self._job is not None:
            self._job.cancel()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _instance(self) -> Any:
        assert self._record is not None
        return register(self._record).hook

    @staticmethod
    def _new_job(options: dict[str, Any], cancel: str = "", meet: threading.Barrier | None = None) -> _WatchedJob:
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
        }
        job = _WatchedJob(options=JobOptions(**given))
        job.listener = job.listening(cancel, meet)
        if cancel == "at once":
            job.cancel()
        return job

    def _together(self, ref: str, dest: Path, instances: int, options: dict[str, Any]) -> dict[str, Any]:
        meet = threading.Barrier(instances)
        parsed = ModelRef.parse(ref)

        def one(hooks: Any, number: int) -> Any:
            folder = dest / str(number)
            folder.mkdir(parents=True)
            job = self._new_job(options, meet=meet)
            return lambda: _told(hooks.download_model(ref=parsed, dest=folder, job=job), DownloadResult)

        return {"found": _in_threads([one(self._instance(), number) for number in range(instances)])}

    def _detection(self) -> Any:
        hooks = self._instance()

        def detect() -> dict[str, Any]:
            (devices,) = hooks.detect_hardware()
            if not isinstance(devices, list) or not all(isinstance(device, Device) for device in devices):
                return {"raised": f"a list of Device was expected, not {devices!r}"[:500]}
            return {"devices": [device.wire() for device in devices]}

        return detect


class _WatchedJob(Job):
    """A job that counts how long the work goes on after it was cancelled."""

    __slots__ = ("over", "ticks")

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.over = threading.Event()
        self.ticks = 0

    def cancel(self) -> None:
        """Cancel, and begin to count."""
        if not self.cancelled:
            threading.Thread(target=self._count, daemon=True).start()
        super().cancel()

    def listening(self, cancel: str, meet: threading.Barrier | None) -> Any:
        """What to do with events."""
        first = threading.Lock()

        def listen(event: JobEvent) -> None:
            if not event.action.endswith("_progress") or not first.acquire(blocking=False):
                return
            if cancel == "die":
                os._exit(77)
            if cancel == "progress":
                self.cancel()
            if meet is not None:
                try:
                    meet.wait(10)
                except threading.BrokenBarrierError:
                    return  # the other one tells no progress

        return listen

    def _count(self) -> None:
        while not self.over.wait(TICK):
            self.ticks += 1


def _told(result: Any, wanted: type[Any]) -> dict[str, Any]:
    if isinstance(result, wanted):
        return {"type": wanted.__name__, "result": result.wire()}
    return {"type": type(result).__name__, "result": repr(result)}


def _in_threads(calls: list[Any]) -> list[dict[str, Any]]:
    """What each call came to, in order; one alone runs in this thread, as in rbee."""
    if len(calls) == 1:
        return [outcome(calls[0])]
    found: dict[int, dict[str, Any]] = {}
    threads = [
        threading.Thread(target=lambda n=number, c=call: found.update({n: outcome(c)}))
        for number, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[number] for number in range(len(calls))]
