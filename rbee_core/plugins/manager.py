"""`PluginManager`: finds the plugin for a reference or a name, and loads it when it is needed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING, Any

from ..errors import ErrorCode, RbeeError
from . import missing
from .failures import LOAD
from .guard import FaultyPluginError, Guard, Memory, describe
from .isolation import reason_of
from .loaded import LoadedBackend, LoadedPlugin, LoadedVendor
from .loading import register, resolve
from .records import PluginRecord, normalise
from .registry import Registry

if TYPE_CHECKING:
    from ..config import Config
    from ..refs import ModelRef

#: Seconds of loading after which a person is told what is waited for.
_LONG = 10.0
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
            raise missing.with_record(missing.no_vendor(ref), self.config, "vendor", ref.scheme)
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

    def command(self, name: str, mount: Callable[[Any], Any]) -> Any:
        """The command that ``mount`` makes of a command plugin's Typer application.

        :raises RbeeError: ``PLUGIN_CONFLICT`` or ``PLUGIN_ERROR``.
        """
        return self.load_command(self.choose("command", name), mount)

    def run_command(self, name: str, call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call into a command plugin's command.

        :raises RbeeError: ``PLUGIN_ERROR``, when it raises anything but what commands end with.
        """
        import typer

        wrong_usage = [error for error in typer.BadParameter.__mro__ if error not in Exception.__mro__]
        regular = (typer.Exit, typer.Abort, BrokenPipeError, *wrong_usage)
        return self.guard.run_command(self.choose("command", name), lambda: call(*arguments, **named), regular)

    def load_command(self, record: PluginRecord, mount: Callable[[Any], Any]) -> Any:
        """Import the Typer application of one command plugin, and mount it.

        :raises RbeeError: ``PLUGIN_ERROR``.
        """
        import typer

        def load() -> Any:
            found = resolve(record)
            if not isinstance(found, typer.Typer):
                reason = f"{record.entry_point} is a {type(found).__name__}, not a typer.Typer"
                raise FaultyPluginError(reason, rule="command-app")
            try:
                return mount(found)
            except Exception as error:
                raise FaultyPluginError(f"it cannot be mounted: {reason_of(error)}", rule="command-app") from error

        with self._noted(record):
            return self.guard.run(record, LOAD, load)

    def choose(self, kind: str, name: str) -> PluginRecord:
        """The usable plugin of a kind with a name; nothing is loaded.

        :raises RbeeError: there is none (worded with what to install or to turn on), or two compete for the name.
        """
        declared = [r for r in self.records() if r.kind == kind and r.name.lower() == name.lower()]
        if not declared:
            raise missing.with_record(missing.no_plugin(kind, name), self.config, kind, name)
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
            with self._noted(record):
                plugins = self.guard.run(record, LOAD, lambda: register(record))
            self._loaded[record.key] = _CLASSES[record.kind](record, plugins, self.guard)
        return self._loaded[record.key]

    @contextmanager
    def _noted(self, record: PluginRecord) -> Iterator[None]:
        """While a plugin is loaded for the first time as it is: what is left should it end this process, or hang."""
        failures, loaded = self.registry.failures, False
        if self._in_child or not failures.begins(record):
            yield
            return
        hint = f"Ctrl-C ends it; `rbee plugins check {record.name}` tries it in a process of its own."
        slow = Timer(_LONG, self.on_problem, [f"{record.title} takes long to load. {hint}"])
        slow.daemon = True
        slow.start()
        try:
            yield
            loaded = True
        finally:
            slow.cancel()
            failures.ended(record, loaded=loaded)


def _conflict(what: str, name: str, rivals: list[PluginRecord]) -> RbeeError:
    titles = " and by ".join(rival.title for rival in rivals)
    return RbeeError(
        ErrorCode.PLUGIN_CONFLICT,
        f"{what} {titles}.",
        "Decide with: " + " or: ".join(f"rbee plugins prefer {name} {rival.dist}" for rival in rivals),
    )
