"""Finding workers: installed packages that declare one, and folders that hold one. Nothing is ever imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..contracts.recipe import WorkerRecipe
from ..errors import ErrorCode, RbeeError, UsageError
from .recipe import FILE_NAME, Origin, RecipeError, read_recipe

if TYPE_CHECKING:
    from ..config import Config
    from ..plugins import PluginManager, PluginRecord


@dataclass(frozen=True, slots=True)
class Found:
    """One worker that was found: its recipe, or the reason why it cannot be used.

    ``id`` is the recipe's, or what the entry point or folder is called; ``where`` names the place for people.
    """

    id: str
    where: str
    origin: Origin
    location: str
    recipe: WorkerRecipe | None = None
    reason: str | None = None


def discover(config: Config, plugins: PluginManager, paths: Iterable[str] = ()) -> list[Found]:
    """Every worker, sorted by id: those of packages, of ``paths``, and of ``RBEE_WORKERS_PATH``.

    A broken description is one `Found` with its reason and hurts no other. Where two claim one id, both carry the
    reason, which names the two places.

    :raises UsageError: one of ``paths`` is no folder.
    """
    found: dict[str, Found] = {}
    for worker in [*_packaged(plugins), *_in_folders(paths, must_exist=True), *_in_folders(config["workers_path"])]:
        found.setdefault(worker.location or worker.where, worker)
    return sorted(_with_rivals(list(found.values())), key=lambda worker: (worker.id, worker.where))


def find(workers: list[Found], worker_id: str) -> WorkerRecipe:
    """The recipe with an id.

    :raises RbeeError: ``WORKER_NOT_FOUND``; ``PLUGIN_CONFLICT`` for an id that two claim; a broken recipe's own reason.
    """
    named = [worker for worker in workers if worker.id == worker_id]
    if not named:
        known = ", ".join(worker.id for worker in workers) or "none"
        raise RbeeError(
            ErrorCode.WORKER_NOT_FOUND,
            f"There is no worker {worker_id!r}; known: {known}.",
            "Install one (pip install rbee-worker-llm), or name its folder with --path or RBEE_WORKERS_PATH.",
        )
    if len(named) > 1:
        raise RbeeError(
            ErrorCode.PLUGIN_CONFLICT,
            str(named[0].reason),
            "Leave one out: take its folder from the path, or disable its package: rbee plugins disable DIST",
        )
    (worker,) = named
    if worker.recipe is None:
        raise RbeeError(
            ErrorCode.PLUGIN_ERROR, f"The worker {worker_id!r} cannot be used: {worker.reason}", worker.where
        )
    return worker.recipe


def _packaged(plugins: PluginManager) -> Iterator[Found]:
    for record in plugins.records():
        if record.kind != "worker":
            continue
        where = f"{record.title} ({record.entry_point})"
        origin = Origin("package", record.dist, record.version)
        if not record.usable:
            yield Found(record.name, where, origin, record.location, reason=f"{record.status}: {record.reason}")
            continue
        yield _from_package(record, where, origin)


def _from_package(record: PluginRecord, where: str, origin: Origin) -> Found:
    from ..plugins.loading import package_folder

    try:
        folder = package_folder(record)
    except Exception as error:  # noqa: BLE001 — a parent package's __init__ may raise anything
        return Found(record.name, where, origin, record.location, reason=str(error))
    found = _read(folder, origin, where, record.name)
    if found.recipe is not None and found.recipe.id != record.name:
        reason = f"its entry point is called {record.name!r}, its worker.toml says {found.recipe.id!r}"
        return Found(record.name, where, origin, str(folder), reason=reason)
    return found


def _in_folders(paths: Iterable[str], *, must_exist: bool = False) -> Iterator[Found]:
    for path in paths:
        root = Path(path).expanduser().absolute()
        if not root.is_dir():
            if must_exist:
                raise UsageError(f"--path {path}: no such folder", f"Name a folder that holds a {FILE_NAME}.")
            reason = "no such folder; it is named in RBEE_WORKERS_PATH"
            yield Found(root.name, str(root), Origin(), str(root), reason=reason)
            continue
        for folder, origin in _folders(root):
            yield _read(folder, origin, str(folder), folder.name)


def _folders(root: Path) -> Iterator[tuple[Path, Origin]]:
    """The worker folders at and directly below ``root``, and below its ``community`` folder (seed 004)."""
    if (root / FILE_NAME).is_file():
        yield root, Origin("local")
        return
    for folder in sorted(root.iterdir()):
        if (folder / FILE_NAME).is_file():
            yield folder, Origin("local")
        elif folder.name == "community" and folder.is_dir():
            for inner in sorted(folder.iterdir()):
                if (inner / FILE_NAME).is_file():
                    yield inner, Origin("community")


def _read(folder: Path, origin: Origin, where: str, name: str) -> Found:
    location = str(folder.resolve())
    try:
        recipe = read_recipe(folder, origin)
    except RecipeError as error:
        return Found(name, where, origin, location, reason=error.reason)
    except OSError as error:
        return Found(name, where, origin, location, reason=str(error))
    return Found(recipe.id, where, origin, location, recipe)


def _with_rivals(found: list[Found]) -> list[Found]:
    claims: dict[str, list[Found]] = {}
    for worker in found:
        claims.setdefault(worker.id, []).append(worker)
    result = []
    for worker_id, workers in claims.items():
        if len(workers) > 1 and any(worker.recipe for worker in workers):
            places = " and ".join(worker.where for worker in workers)
            reason = f"Two workers are called {worker_id!r}: {places}."
            result += [Found(w.id, w.where, w.origin, w.location, reason=reason) for w in workers]
        else:
            result += workers
    return result
