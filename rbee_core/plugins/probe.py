"""``python -m rbee_core.plugins.probe KIND NAME DIST LIMIT``: try one plugin out; what `check` runs, a process each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .child import Report
    from .manager import PluginManager
    from .records import PluginRecord

#: A made-up reference for each scheme that has a grammar of its own; nothing is ever fetched.
_SAMPLES = {
    "hf": "hf:rbee/probe",
    "huggingface": "hf:rbee/probe",
    "ollama": "ollama:probe",
    "file": "file:/rbee-probe",
    "http": "http://probe.invalid/model.gguf",
    "https": "https://probe.invalid/model.gguf",
    "s3": "s3://probe/model.gguf",
    "oci": "oci://probe.invalid/rbee:probe",
    "docker": "docker://probe.invalid/rbee:probe",
}


def main() -> None:
    """Run with ``sys.argv[1:]`` and end the process."""
    from .child import Noted, Report, end_by_itself, failure_data, leave

    kind, name, dist, limit = sys.argv[1:]
    report = Report()
    from ..config import Config
    from ..errors import RbeeError, UsageError
    from .manager import PluginManager
    from .records import normalise, scan

    end_by_itself(float(limit))
    report.stage("load")
    noted = Noted()
    try:
        record = next(record for record in scan() if record.key == (kind, name, normalise(dist)))
        manager = PluginManager(Config({"strict_plugins": False}), installed=[record], memory=noted)
        report.answer({"hooks": _try_out(manager, record, report)})
    except (RbeeError, UsageError) as error:
        if noted.failure is None:
            report.answer({"hooks": [], "note": error.message})
        else:
            report.answer(failure_data(noted.failure, error))
    leave()


def _try_out(manager: PluginManager, record: PluginRecord, report: Report) -> list[str]:
    """Load the plugin and call what may be called without consequences; the hooks it has."""
    from .loaded import LoadedBackend, LoadedVendor

    if record.kind == "worker":
        manager.guard.run(record, "load", lambda: _check_worker(record))
        return []
    if record.kind == "command":
        manager.load_command(record)
        return []
    loaded = manager.load(record)
    if isinstance(loaded, LoadedVendor):
        report.stage("supports_model")
        loaded.supports_model(manager.guard.run(record, "load", lambda: _sample(record)))
    elif isinstance(loaded, LoadedBackend):
        report.stage("detect_hardware")
        _detect(loaded)
    return loaded.hooks


def _detect(backend: Any) -> None:
    """No devices, for a reason, is an answer like any other."""
    from ..errors import ErrorCode, RbeeError

    try:
        backend.detect_hardware()
    except RbeeError as error:
        if error.code is ErrorCode.PLUGIN_ERROR:
            raise


def _sample(record: PluginRecord) -> Any:
    from ..errors import RbeeError
    from ..refs import ModelRef
    from .guard import FaultyPluginError

    try:
        return ModelRef.parse(_SAMPLES.get(record.name.lower(), f"{record.name}:probe"))
    except RbeeError:
        raise FaultyPluginError(f"its name {record.name!r} cannot be the scheme of a reference") from None


def _check_worker(record: PluginRecord) -> None:
    """A worker is a package with a ``worker.toml`` that is about the worker its entry point names."""
    import tomllib

    from .guard import FaultyPluginError
    from .loading import package_folder

    recipe = package_folder(record) / "worker.toml"
    try:
        worker = tomllib.loads(recipe.read_text(encoding="utf-8")).get("worker")
    except FileNotFoundError:
        raise FaultyPluginError(f"{record.entry_point} carries no worker.toml") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FaultyPluginError(f"its worker.toml cannot be read: {error}") from None
    found = worker.get("id") if isinstance(worker, dict) else None
    if found != record.name:
        raise FaultyPluginError(f"its worker.toml describes {found!r}, its entry point is called {record.name!r}")


if __name__ == "__main__":
    main()
