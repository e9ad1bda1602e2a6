"""Candidates for shell completion: ids and names, read from files and metadata alone.

Each function is given what there is of the word (some also the context) and returns pairs of a candidate and what it
is. None imports a plugin, starts detection, or changes a file; what cannot be read gives no candidates.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import typer

from ..errors import UsageError
from . import output

if TYPE_CHECKING:
    from ..plugins.records import PluginRecord

Pairs = list[tuple[str, str]]
_P = ParamSpec("_P")

#: Bytes of a catalog, a worker's description or a note that are worth a wait at the prompt.
_MOST = {"catalog": 64 << 20, "other": 1 << 20}
#: Schemes of which a reference is a URL.
_URLS = {"http", "https", "s3", "docker", "oci"}
_TOOLS = {"hf": "Hugging Face's cache", "ollama": "Ollama's models", "lmstudio": "LM Studio's models"}


def _quietly(found: Callable[_P, Iterable[tuple[str, str]]]) -> Callable[_P, Pairs]:
    """Nothing, where something is broken: what a command would say of it does not belong into a half-typed line."""

    @wraps(found)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> Pairs:
        try:
            return list(found(*args, **kwargs))
        except Exception:  # noqa: BLE001
            return []

    return called


# --- models ---------------------------------------------------------------------------------------------------------


@_quietly
def model_ids(incomplete: str) -> Iterator[tuple[str, str]]:
    """Ids of the catalog; of its backup, where the catalog is broken."""
    for raw in _catalog():
        entry_id = raw.get("id") if isinstance(raw, dict) else None
        if isinstance(entry_id, str):
            yield entry_id, str(raw.get("name") or "")


def references(incomplete: str) -> Pairs:
    """Ids of the catalog, and the schemes for which a vendor is installed. For a path there are files."""
    return [] if incomplete.startswith((".", "/", "~")) else [*model_ids(incomplete), *_schemes()]


@_quietly
def import_sources(incomplete: str) -> Iterable[tuple[str, str]]:
    """The tools whose models can be taken over."""
    return _TOOLS.items()


def _catalog() -> list[Any]:
    for name in ("catalog.json", "catalog.json.bak"):  # the names are frozen; what holds them loads the contracts
        try:
            models = json.loads(_read(output.config().models_dir / name, "catalog"))["models"]
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            continue
        if isinstance(models, list):
            return models
    return []


@_quietly
def _schemes() -> Iterator[tuple[str, str]]:
    for record in _records():
        if record.kind == "vendor" and record.status != "disabled":
            yield f"{record.name}://" if record.name in _URLS else f"{record.name}:", f"from {record.dist}"


# --- plugins --------------------------------------------------------------------------------------------------------


@_quietly
def plugin_names(incomplete: str) -> Iterator[tuple[str, str]]:
    """Entry points, and the distributions that bring them."""
    yield from _names(_records())


@_quietly
def enabled_plugins(incomplete: str) -> Iterator[tuple[str, str]]:
    """What can be turned off."""
    yield from _names(record for record in _records() if record.status != "disabled")


@_quietly
def disabled_plugins(incomplete: str) -> Iterator[tuple[str, str]]:
    """What can be turned on."""
    yield from _names(record for record in _records() if record.status == "disabled")


@_quietly
def installable(incomplete: str) -> Iterator[tuple[str, str]]:
    """First-party distributions that are not installed; for a path there are files."""
    from ..plugins.first_party import not_installed
    from ..plugins.records import scan

    yield from ((dist.dist, dist.summary) for dist in not_installed(scan()))


@_quietly
def uninstallable(incomplete: str) -> Iterator[tuple[str, str]]:
    """What is installed, and what is on record and gone."""
    from ..plugins.installing.record import InstallRecord

    records = _records()
    yield from _names(records)
    here = {record.dist for record in records}
    with suppress(UsageError):
        for entry in InstallRecord(output.config()).entries():
            if entry.name and entry.name not in here:
                yield entry.name, f"{entry.version}, on record"


@_quietly
def recorded_environments(incomplete: str) -> Iterator[tuple[str, str]]:
    """Environments that something is on record for, but this one."""
    from ..plugins.installing.record import InstallRecord

    yield from ((prefix, f"{count} on record") for prefix, count in InstallRecord(output.config()).others().items())


@_quietly
def routed_names(incomplete: str) -> Iterator[tuple[str, str]]:
    """Names of plugins, for which a distribution can be preferred."""
    yield from {record.name: record.kind for record in _records()}.items()


@_quietly
def rivals(ctx: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """Distributions that declare the name before the cursor."""
    name = str(ctx.params.get("name") or "").lower()
    yield from ((record.dist, record.version) for record in _records() if record.name.lower() == name)


@_quietly
def backends(incomplete: str) -> Iterator[tuple[str, str]]:
    """Backends that are installed, or said to be there by ``RBEE_FORCE_<BACKEND>``."""
    yield from ((r.name, r.title) for r in _records() if r.kind == "backend" and r.status != "disabled")
    yield from ((name, "forced") for name, _ in _forced())


def _names(records: Iterable[PluginRecord]) -> Iterator[tuple[str, str]]:
    records = list(records)
    yield from {record.name: f"{record.kind} of {record.title}" for record in records}.items()
    yield from {record.dist: record.version for record in records}.items()


def _records() -> list[PluginRecord]:
    """Every plugin with its status; without one where the settings cannot be read."""
    from ..plugins.records import discover, scan

    try:
        return discover(output.config())
    except UsageError:
        return scan()


# --- workers and devices --------------------------------------------------------------------------------------------


@_quietly
def worker_ids(ctx: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """Workers that were found, and their variants; also in ``--path`` and ``RBEE_WORKERS_PATH``."""
    for folder in _worker_folders(ctx.params.get("path") or ()):
        try:
            table = tomllib.loads(_read(folder / "worker.toml", "other").decode())
            worker = table["worker"]
            rows = [(str(worker["id"]), str(worker.get("name", "")))]
            rows += [(f"{worker['id']}-{feature}", str(feature)) for feature in table["build"].get("features", [])]
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
        yield from rows


@_quietly
def built_workers(incomplete: str) -> Iterator[tuple[str, str]]:
    """Variants that are built here, or that a failed build left something of."""
    yield from ((folder.name, "") for folder in _inside(output.config().data_dir / "workers") if folder.is_dir())


@_quietly
def running_workers(incomplete: str) -> Iterator[tuple[str, str]]:
    """Workers whose process runs."""
    from ..process_groups import is_running

    for path in _inside(output.config().state_dir / "workers"):
        try:
            note = json.loads(_read(path, "other"))
            if note["status"] != "crashed" and is_running(note["pid"], note["began"]):
                yield path.stem, str(note["model"])
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            continue


@_quietly
def logged_workers(incomplete: str) -> Iterator[tuple[str, str]]:
    """Workers whose log is kept."""
    yield from ((path.stem, "") for path in _inside(output.config().state_dir / "logs") if path.suffix == ".log")


@_quietly
def devices(incomplete: str) -> Iterator[tuple[str, str]]:
    """Devices that were found when the hardware was last looked at, or are set; behind a comma, further ones."""
    from ..plugins.devices_seen import seen

    before, comma, _ = incomplete.rpartition(",")
    found = {device: backend for backend, ids in [*seen(output.config()).items(), *_forced()] for device in ids}
    taken = set(before.split(","))
    yield from ((f"{before}{comma}{device}", backend) for device, backend in found.items() if device not in taken)


def _forced() -> Iterator[tuple[str, list[str]]]:
    """Backends of ``RBEE_FORCE_*`` with the ids of their devices, read without the contracts."""
    for key, value in sorted(output.config().env.items()):
        if not key.startswith("RBEE_FORCE_") or key == "RBEE_FORCE_PLATFORM" or not value.strip():
            continue
        name = key.removeprefix("RBEE_FORCE_").lower()
        kind = "CPU" if name == "cpu" else "GPU"
        try:
            items = json.loads(value)
            yield name, [str(item.get("id", f"{kind}-{index}")) for index, item in enumerate(items)]
        except (ValueError, TypeError, AttributeError, RecursionError):
            continue


def _worker_folders(paths: Iterable[Any]) -> Iterator[Path]:
    for record in _records():
        if record.kind == "worker" and record.usable:
            top, *parts = record.entry_point.partition(":")[0].strip().split(".")
            spec = find_spec(top)  # of the topmost package alone: to find one inside would import it
            if spec is not None and spec.submodule_search_locations:
                yield Path(next(iter(spec.submodule_search_locations)), *parts)
    for path in [*paths, *output.config()["workers_path"]]:
        root = Path(path).expanduser()
        yield from (root, *_inside(root), *_inside(root / "community"))


# --- files ----------------------------------------------------------------------------------------------------------


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _read(path: Path, what: str) -> bytes:
    """A file's bytes.

    :raises OSError: it is no plain file, or too large.
    """
    if not path.is_file() or os.stat(path).st_size > _MOST[what]:  # noqa: PTH116
        raise OSError(f"{path} is no file to complete from")
    return path.read_bytes()
