"""Every plugin with its status: what is installed, joined with what was chosen and what is remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from .failures import Failures
from .records import PluginRecord, normalise, scan
from .settings import Choices, PluginSettings

if TYPE_CHECKING:
    from ..config import Config


class Registry:
    """Answers from metadata, settings and memory; imports no plugin.

    :param installed: the records to judge, instead of what is on ``sys.path``.
    :param on_problem: told a sentence when something was wrong and could be helped.
    """

    def __init__(
        self,
        config: Config,
        installed: Iterable[PluginRecord] | None = None,
        on_problem: Callable[[str], None] | None = None,
    ) -> None:
        self.config = config
        self.settings = PluginSettings(config, on_problem)
        self.failures = Failures(config)
        self.installed = scan() if installed is None else list(installed)

    def records(self) -> list[PluginRecord]:
        """Every plugin, in listing order, each with the status that holds now.

        :raises UsageError: a setting is malformed.
        """
        choices = self.settings.read()
        off = self._off_switch(choices)
        judged = [
            replace(record, status="disabled", reason=why) if (why := off(record)) else record
            for record in self.installed
        ]
        enabled = [record for record in judged if record.status != "disabled"]
        return [record if record.status == "disabled" else self._judge(record, enabled, choices) for record in judged]

    def _off_switch(self, choices: Choices) -> Callable[[PluginRecord], str | None]:
        config = self.config
        on, allowed = config["plugins"], config["plugin_allowlist"]
        switched, origin = config["disable_plugins"], config.resolve("disable_plugins").origin
        allow = None if allowed is None else {normalise(dist) for dist in allowed}

        def why(record: PluginRecord) -> str | None:
            if not on:
                return "all plugins are off (RBEE_PLUGINS)"
            if allow is not None and normalise(record.dist) not in allow:
                return "not in RBEE_PLUGIN_ALLOWLIST"
            if any(record.goes_by(name) for name in switched):
                return f"turned off by {origin.removeprefix('env ')}"
            for name in choices.disabled:
                if record.goes_by(name):
                    return f"turned off; `rbee plugins enable {name}` turns it on"
            return None

        return why

    def _judge(self, record: PluginRecord, enabled: list[PluginRecord], choices: Choices) -> PluginRecord:
        others = [
            other
            for other in enabled
            if other.kind == record.kind and other.name.lower() == record.name.lower() and other.key != record.key
        ]
        chosen = choices.preferred(record.kind, record.name)
        if chosen not in {normalise(rival.dist) for rival in [record, *others]}:
            chosen = None
        if others and chosen and chosen != normalise(record.dist) and record.kind != "vendor":
            return replace(record, status="disabled", reason=f"{chosen} is preferred for {record.name!r}")
        if (failure := self.failures.of(record)) is not None:
            where = "" if failure.where == "load" else f"{failure.where}: "
            return replace(record, status=failure.status, reason=f"{where}{failure.reason}")
        rivals = others if record.kind != "vendor" else self._met(record, others)
        if rivals and not chosen:
            who = ", ".join(rival.title for rival in rivals)
            verb = "answers" if record.kind == "vendor" else "declares"
            return replace(
                record,
                status="conflict",
                reason=f"{who} {verb} {record.name!r} too; decide with: rbee plugins prefer {record.name} DIST",
            )
        return record

    def _met(self, record: PluginRecord, others: list[PluginRecord]) -> list[PluginRecord]:
        """Vendors may share a scheme and tell references apart: only those that once both said yes are rivals."""
        met = self.failures.rivals(record.name.lower())
        if met.get(normalise(record.dist)) != record.version:
            return []
        return [other for other in others if met.get(normalise(other.dist)) == other.version]
