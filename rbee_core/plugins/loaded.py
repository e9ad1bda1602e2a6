"""A plugin that has been loaded: its hooks as typed methods, whose results are checked before anyone sees them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..contracts import Device, DownloadedFile, DownloadResult, ModelManifest, WorkerBinary
from .guard import Guard, WrongTypeError
from .isolation import one_line
from .records import PluginRecord

if TYPE_CHECKING:
    import pluggy

    from ..contracts import WorkerRecipe, WorkerVariant
    from ..jobs import Job
    from ..refs import ModelRef

T = TypeVar("T")


class LoadedPlugin:
    """One plugin object in a pluggy manager of its own.

    A manager each, rather than one for all, is what isolates: a hook call reaches exactly this plugin, a pending
    (misspelt) hook is this plugin's, and a registration that fails leaves nothing behind anywhere.
    """

    def __init__(self, record: PluginRecord, plugins: pluggy.PluginManager, guard: Guard) -> None:
        self.record = record
        self._plugins = plugins
        self._guard = guard

    @property
    def plugin(self) -> Any:
        """The plugin's own object."""
        return self._plugins.get_plugin(self.record.name)

    @property
    def hooks(self) -> list[str]:
        """The names of the hooks it implements."""
        return sorted(
            name
            for name, caller in vars(self._plugins.hook).items()
            if not name.startswith("_") and caller.get_hookimpls()
        )

    def _call(self, hook: str, check: Callable[[Any], T], job: Job | None = None, **arguments: Any) -> T:
        """Call a hook in isolation; a wrong result is the plugin's failure like an exception."""

        def call() -> T:
            if job is not None:
                arguments["job"] = job
            return check(getattr(self._plugins.hook, hook)(**arguments))

        return self._guard.run(self.record, hook, call, job=job)


class LoadedVendor(LoadedPlugin):
    """A vendor's hooks."""

    def supports_model(self, ref: ModelRef) -> bool:
        """Whether it can fetch ``ref``.

        :raises RbeeError: ``PLUGIN_ERROR``, as every method here, when the plugin fails or answers nonsense.
        """

        def check(answers: list[Any]) -> bool:
            if not answers:
                raise WrongTypeError("returned None, not a bool")
            for answer in answers:
                if not isinstance(answer, bool):
                    raise wrong(answer, "a bool")
            return any(answers)

        return self._call("supports_model", check, ref=ref)

    def resolve_model(self, ref: ModelRef, job: Job) -> ModelManifest | None:
        """What the model consists of; ``None`` when the vendor cannot tell or does not implement the hook."""
        return self._call("resolve_model", _optional(ModelManifest), job=job, ref=ref)

    def download_model(self, ref: ModelRef, dest: Path, job: Job) -> DownloadResult:
        """Fetch the model into ``dest``; a plain number of bytes (seed 001) is completed from what lies there."""

        def check(answer: Any) -> DownloadResult:
            if isinstance(answer, int) and not isinstance(answer, bool):
                return _found_in(dest, answer, sum(file.size for file in job.present.values()))
            if not isinstance(answer, DownloadResult):
                raise wrong(answer, "a DownloadResult or a number of bytes")
            return answer

        return self._call("download_model", check, job=job, ref=ref, dest=dest)

    def read_model(self, ref: ModelRef, name: str, start: int, length: int, job: Job) -> bytes | None:
        """A part of one of the model's files; ``None`` when the vendor cannot, or does not implement the hook."""

        def check(answer: Any) -> bytes | None:
            if answer is not None and not isinstance(answer, bytes):
                raise wrong(answer, "bytes or None")
            if answer is not None and len(answer) > length:
                raise WrongTypeError(f"returned {len(answer)} bytes where {length} were asked for")
            return answer

        return self._call("read_model", check, job=job, ref=ref, name=name, start=start, length=length)


class LoadedBackend(LoadedPlugin):
    """A backend's hooks."""

    def detect_hardware(self) -> list[Device]:
        """Its devices in this machine, the best first. In this process: see `detection` for the safe way."""

        def check(answers: list[Any]) -> list[Device]:
            devices: list[Device] = []
            for answer in answers:
                if not isinstance(answer, list | tuple):
                    raise wrong(answer, "a list of Device")
                for device in answer:
                    if not isinstance(device, Device):
                        raise wrong(device, "a Device", inside="a list with ")
                    if device.backend != self.record.name:
                        raise WrongTypeError(
                            f"returned a device of backend {device.backend!r}, not {self.record.name!r}"
                        )
                    devices.append(device)
            return devices

        return self._call("detect_hardware", check)

    def build_worker(
        self, recipe: WorkerRecipe, variant: WorkerVariant, dest: Path, job: Job, devices: list[Device]
    ) -> WorkerBinary | None:
        """Build a worker into ``dest``; ``None`` when this backend does not know the recipe's build system."""
        facts: dict[str, Any] = {"recipe": recipe, "variant": variant, "dest": dest, "devices": devices}
        return self._call("build_worker", _optional(WorkerBinary), job=job, **facts)

    def check_build(self, recipe: WorkerRecipe, variant: WorkerVariant, dest: Path, devices: list[Device]) -> None:
        """See whether a build could begin; nothing, when this backend cannot tell.

        :raises RbeeError: ``BUILD_FAILED``: something lacks; ``PLUGIN_ERROR``.
        """
        facts: dict[str, Any] = {"recipe": recipe, "variant": variant, "dest": dest, "devices": devices}
        self._call("check_build", lambda answer: None, **facts)


def wrong(value: Any, expected: str, *, inside: str = "") -> WrongTypeError:
    """The error for a value that is not ``expected``."""
    name = type(value).__name__
    text = "None" if value is None else f"{one_line(_repr(value))[:80]} ({name})"
    return WrongTypeError(f"returned {inside}{text}, not {expected}")


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 — a plugin's object
        return "an object"


def _optional(expected: type[T]) -> Callable[[Any], T | None]:
    def check(answer: Any) -> T | None:
        if answer is not None and not isinstance(answer, expected):
            raise wrong(answer, f"{expected.__name__} or None")
        return answer

    return check


def _found_in(dest: Path, total: int, elsewhere: int) -> DownloadResult:
    """The result of a vendor that only counts: every file in ``dest`` but what is left of unfinished transfers.

    :param elsewhere: bytes of the model that the store has already, which the vendor may have counted.
    """
    if total < 0:
        raise WrongTypeError(f"returned {total} bytes")
    files = [
        DownloadedFile(name=path.relative_to(dest).as_posix(), size=path.stat().st_size)
        for path in sorted(dest.rglob("*"))
        if path.is_file() and not _unfinished(path.relative_to(dest))
    ]
    there = sum(file.size for file in files)
    if not files or there + elsewhere < total:
        raise WrongTypeError(f"returned {total} bytes, but {there} are in the folder")
    return DownloadResult(files=files)


def _unfinished(name: Path) -> bool:
    """Parts of transfers (``NAME.part`` and its note), and hidden files: no part of a model."""
    return name.name.endswith((".part", ".part.json")) or any(part.startswith(".") for part in name.parts)
