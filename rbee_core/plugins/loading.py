"""From an entry point to registered hooks: what a plugin has to be, checked before any hook of it is called."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from functools import reduce
from pathlib import Path
from typing import Any

import importlib_metadata
import pluggy

from .. import hookspecs
from .guard import FaultyPluginError
from .records import PluginRecord

#: The hooks without which a plugin of a kind is of no use.
_REQUIRED = {"vendor": ("supports_model", "download_model"), "backend": ("detect_hardware",)}


def resolve(record: PluginRecord) -> Any:
    """Import what an entry point names."""
    entry = importlib_metadata.EntryPoint(record.name, record.entry_point, "")
    try:
        module, path = entry.module, [part for part in (entry.attr or "").split(".") if part]
    except ValueError:
        raise FaultyPluginError(
            f"its entry point {record.entry_point!r} does not name a module and an attribute"
        ) from None
    # Installed a moment ago, in this very process: the import system's folder listings may be older than that.
    importlib.invalidate_caches()
    return reduce(getattr, path, importlib.import_module(module))


def package_folder(record: PluginRecord) -> Path:
    """The folder of the package that a worker's entry point names, without importing that package.

    :raises FaultyPluginError: there is no such package.
    """
    importlib.invalidate_caches()
    spec = importlib.util.find_spec(record.entry_point.partition(":")[0].strip())
    if spec is None or not spec.submodule_search_locations:
        raise FaultyPluginError(f"there is no package {record.entry_point}")
    return Path(next(iter(spec.submodule_search_locations)))


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
    plugins = pluggy.PluginManager("rbee")
    plugins.add_hookspecs(hookspecs)
    plugins.register(found, name=record.name)
    _check_hooks(record, plugins)
    return plugins


def _check_api(record: PluginRecord, found: Any) -> None:
    """Refuse a plugin made for another hook API; the number stands on the plugin, or in its module."""
    module = sys.modules.get(record.entry_point.partition(":")[0].strip())
    wanted = getattr(found, "rbee_api", getattr(module, "rbee_api", None))
    if wanted is None:
        return
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        raise FaultyPluginError(f"rbee_api is {wanted!r}, not a whole number")
    newest = hookspecs.API_VERSION
    if not newest - 1 <= wanted <= newest:
        spoken = f"{newest - 1} and {newest}" if newest > 1 else str(newest)
        raise FaultyPluginError(f"wants API {wanted}, this rbee speaks {spoken}", "incompatible")


def _check_hooks(record: PluginRecord, plugins: pluggy.PluginManager) -> None:
    """Find misspelt hooks (pluggy calls them pending) and missing ones."""
    callers = {name: caller for name, caller in vars(plugins.hook).items() if name[0] != "_"}
    specified = [name for name, caller in callers.items() if caller.has_spec()]
    try:
        plugins.check_pending()
    except pluggy.PluginValidationError:
        from difflib import get_close_matches

        unknown = sorted(
            name
            for name, caller in callers.items()
            if not caller.has_spec() and any(not hook.optionalhook for hook in caller.get_hookimpls())
        )
        near = get_close_matches(unknown[0], specified, n=1)
        guess = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(specified))}"
        raise FaultyPluginError(f"unknown hook {unknown[0]!r}{guess}") from None
    implemented = {name for name in specified if callers[name].get_hookimpls()}
    absent = [name for name in _REQUIRED[record.kind] if name not in implemented]
    if absent:
        raise FaultyPluginError(f"does not implement {' and '.join(absent)} (is @hookimpl missing?)")
