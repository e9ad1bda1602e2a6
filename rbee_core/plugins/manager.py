"""`PluginManager`: finds the plugin for a reference or a name, and loads it when it is needed."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import sys
from collections.abc import Callable, Iterable
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import importlib_metadata
import pluggy

from .. import hookspecs
from ..errors import ErrorCode, RbeeError
from . import missing
from .failures import LOAD
from .guard import FaultyPluginError, Guard, Memory, describe
from .loaded import LoadedBackend, LoadedPlugin, LoadedVendor
from .records import PluginRecord, normalise
from .registry import Registry

if TYPE_CHECKING:
    from ..config import Config
    from ..refs import ModelRef

#: The hooks without which a plugin of a kind is of no use.
_REQUIRED = {"vendor": ("supports_model", "download_model"), "backend": ("detect_hardware",)}
_CLASSES: dict[str, type[LoadedPlugin]] = {"vendor": LoadedVendor, "backend": LoadedBackend}


class PluginManager:
    """Owns pluggy, so that nothing else of rbee ever touches it.

    :param config: the settings in force.
    :param installed: the records to work with, instead of what is on ``sys.path`` (tests, child processes).
    :param memory: where failures and passes are noted, instead of the state folder; a child process leaves that to
        its parent.
    :param on_problem: told a sentence when something was wrong and could be helped; by default the log
        ``rbee.plugins``.
    """

    def __init__(
        self,
        config: Config,
        *,
        installed: Iterable[PluginRecord] | None = None,
        memory: Memory | None = None,
        on_problem: Callable[[str], None] | None = None,
    ) -> None:
        self.config = config
        self.on_problem = on_problem or logging.getLogger("rbee.plugins").warning
        self.registry = Registry(config, installed, self.on_problem)
        self._in_child = memory is not None
        self.guard = Guard(memory or self.registry.failures, strict=config["strict_plugins"])
        self._loaded: dict[tuple[str, str, str], LoadedPlugin] = {}

    # --- what there is ----------------------------------------------------------------------------------------------

    def records(self) -> list[PluginRecord]:
        """Every plugin with its status. Nothing is imported."""
        return self.registry.records()

    def active(self, kind: str) -> list[PluginRecord]:
        """The plugins of a kind that may be used: neither disabled nor in conflict.

        One with a remembered failure is among them: using it again is how it gets to pass.
        """
        return [record for record in self.records() if record.kind == kind and record.usable]

    # --- choosing ---------------------------------------------------------------------------------------------------

    def vendor_for(self, ref: ModelRef) -> LoadedVendor:
        """The one vendor that takes ``ref``. Only those that declare its scheme are loaded and asked.

        :raises RbeeError: ``NO_VENDOR``, ``PLUGIN_CONFLICT``, or ``PLUGIN_ERROR`` when nobody took it and one failed.
        """
        declared = [r for r in self.records() if r.kind == "vendor" and r.name.lower() == ref.scheme]
        if not declared:
            raise missing.no_vendor(ref)
        enabled = [record for record in declared if record.status != "disabled"]
        if not enabled:
            raise missing.turned_off(f"'{ref.scheme}:'", ErrorCode.NO_VENDOR, declared)
        takers: list[LoadedVendor] = []
        problems: list[RbeeError] = []
        for record in enabled:
            try:
                vendor = self.load(record)
                if isinstance(vendor, LoadedVendor) and vendor.supports_model(ref):
                    takers.append(vendor)
            except RbeeError as error:
                if self.guard.strict and error.code is ErrorCode.PLUGIN_ERROR:
                    raise
                problems.append(error)
        if not takers:
            raise problems[0] if problems else missing.nobody_takes(ref, enabled)
        for problem in problems:
            self.on_problem(problem.message)
        return takers[0] if len(takers) == 1 else self._decide(ref, takers)

    def _decide(self, ref: ModelRef, takers: list[LoadedVendor]) -> LoadedVendor:
        preferred = self.registry.settings.read().preferred("vendor", ref.scheme)
        for vendor in takers:
            if normalise(vendor.record.dist) == preferred:
                return vendor
        rivals = [vendor.record for vendor in takers]
        self.registry.failures.conflict(ref.scheme, rivals)
        raise _conflict(f"{missing.shown(ref)!r} is taken by", ref.scheme, rivals)

    def backend(self, name: str) -> LoadedBackend:
        """The backend called ``name``, loaded.

        :raises RbeeError: ``BACKEND_UNAVAILABLE``, ``PLUGIN_CONFLICT`` or ``PLUGIN_ERROR``.
        """
        loaded = self.load(self.choose("backend", name))
        assert isinstance(loaded, LoadedBackend)
        return loaded

    def command(self, name: str) -> Any:
        """The Typer application of a command plugin.

        :raises RbeeError: ``PLUGIN_CONFLICT`` or ``PLUGIN_ERROR``.
        """
        return self.load_command(self.choose("command", name))

    def run_command(self, name: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """Call into a command plugin's command.

        :raises RbeeError: ``PLUGIN_ERROR``, when it raises anything but what commands end with.
        """
        import typer

        wrong_usage = [error for error in typer.BadParameter.__mro__ if error not in Exception.__mro__]
        regular = (typer.Exit, typer.Abort, BrokenPipeError, *wrong_usage)
        return self.guard.run_command(self.choose("command", name), lambda: call(*arguments), regular)

    def load_command(self, record: PluginRecord) -> Any:
        """Import the Typer application of one command plugin.

        :raises RbeeError: ``PLUGIN_ERROR``.
        """
        import typer

        def load() -> Any:
            found = resolve(record)
            if not isinstance(found, typer.Typer):
                raise FaultyPluginError(f"{record.entry_point} is a {type(found).__name__}, not a typer.Typer")
            return found

        return self.guard.run(record, LOAD, load)

    def choose(self, kind: str, name: str) -> PluginRecord:
        """The usable plugin of a kind with a name; nothing is loaded.

        :raises RbeeError: there is none (worded with what to install or to turn on), or two compete for the name.
        """
        declared = [r for r in self.records() if r.kind == kind and r.name.lower() == name.lower()]
        if not declared:
            raise missing.no_plugin(kind, name)
        enabled = [record for record in declared if record.status != "disabled"]
        if not enabled:
            raise missing.turned_off(f"the {kind} '{name}'", missing.no_plugin(kind, name).code, declared)
        if len(enabled) > 1:
            raise _conflict(f"The {kind} '{name}' is declared by", name, enabled)
        return enabled[0]

    # --- loading ----------------------------------------------------------------------------------------------------

    def load(self, record: PluginRecord) -> LoadedPlugin:
        """Import a vendor or backend and register its hooks; once.

        :raises RbeeError: ``PLUGIN_ERROR``: it cannot be imported, wants another API, has misspelt or missing hooks.
        """
        if record.key not in self._loaded:
            failure = self.registry.failures.of(record)
            if failure is not None and failure.fatal and not self._in_child:
                raise describe(record, failure)
            plugins = self.guard.run(record, LOAD, lambda: register(record))
            self._loaded[record.key] = _CLASSES[record.kind](record, plugins, self.guard)
        return self._loaded[record.key]


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


def _conflict(what: str, name: str, rivals: list[PluginRecord]) -> RbeeError:
    titles = " and by ".join(rival.title for rival in rivals)
    return RbeeError(
        ErrorCode.PLUGIN_CONFLICT,
        f"{what} {titles}.",
        "Decide with: " + " or: ".join(f"rbee plugins prefer {name} {rival.dist}" for rival in rivals),
    )
