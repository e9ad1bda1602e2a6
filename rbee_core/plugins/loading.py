"""From an entry point to registered hooks: what a plugin has to be, checked before any hook of it is called."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import importlib_metadata
import pluggy

from .. import hookspecs
from .guard import FaultyPluginError
from .hook_rules import hook_problems
from .records import PluginRecord


def resolve(record: PluginRecord) -> Any:
    """Import what an entry point names."""
    entry = importlib_metadata.EntryPoint(record.name, record.entry_point, "")
    try:
        module, path = entry.module, [part for part in (entry.attr or "").split(".") if part]
    except ValueError:
        raise FaultyPluginError(
            f"its entry point {record.entry_point!r} does not name a module and an attribute", rule="entry-point"
        ) from None
    # Installed a moment ago, in this very process: the import system's folder listings may be older than that.
    importlib.invalidate_caches()
    found: Any = importlib.import_module(module)
    for part in path:
        try:
            found = getattr(found, part)
        except AttributeError:
            near = get_close_matches(part, dir(found), n=1)
            guess = f"; did you mean {near[0]!r}?" if near else ""
            raise FaultyPluginError(f"{module} has no {part!r}{guess}", rule="entry-point") from None
    return found


def package_folder(record: PluginRecord) -> Path:
    """The folder of the package that a worker's entry point names. Nothing is imported, not even a parent of it.

    :raises FaultyPluginError: there is no such package.
    """
    importlib.invalidate_caches()
    top, *inner = record.entry_point.partition(":")[0].strip().split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    for root in (spec.submodule_search_locations or ()) if spec is not None else ():
        folder = Path(root, *inner)
        if folder.is_dir():
            return folder
    raise FaultyPluginError(f"there is no package {record.entry_point}", rule="entry-point")


def register(record: PluginRecord) -> pluggy.PluginManager:
    """Import a plugin and put it into a pluggy manager of its own.

    :raises FaultyPluginError: it is not what a plugin of its kind has to be.
    """
    found = resolve(record)
    _check_api(record, found)
    if inspect.isclass(found):
        found = found()
    elif inspect.isroutine(found):
        raise FaultyPluginError(f"{record.entry_point} is a function; a plugin is a class, an instance or a module")
    elif found is None:
        raise FaultyPluginError(f"{record.entry_point} is None")
    problems = hook_problems(record.kind, found)
    if problems and problems[0].fatal:
        raise FaultyPluginError(problems[0].reason, rule=problems[0].rule, problems=problems)
    plugins = pluggy.PluginManager(hookspecs.hookspec.project_name)
    plugins.add_hookspecs(hookspecs)
    plugins.register(found, name=record.name)
    return plugins


def stated_api(record: PluginRecord, found: Any) -> Any:
    """The hook API a plugin says it is made for, on itself or in its module; ``None`` if it does not say."""
    module = sys.modules.get(record.entry_point.partition(":")[0].strip())
    return getattr(found, "rbee_api", getattr(module, "rbee_api", None))


def _check_api(record: PluginRecord, found: Any) -> None:
    """Refuse a plugin made for another hook API."""
    wanted = stated_api(record, found)
    if wanted is None:
        return
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        raise FaultyPluginError(f"rbee_api is {wanted!r}, not a whole number", rule="api-version")
    newest = hookspecs.API_VERSION
    if not newest - 1 <= wanted <= newest:
        spoken = f"{newest - 1} and {newest}" if newest > 1 else str(newest)
        raise FaultyPluginError(f"wants API {wanted}, this rbee speaks {spoken}", "incompatible", rule="api-version")
