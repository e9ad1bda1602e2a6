"""What the person chose about plugins, kept in ``plugins.json`` of the config folder: what is off, and what wins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .files import Kept
from .records import PluginRecord, normalise

if TYPE_CHECKING:
    from ..config import Config


@dataclass(slots=True)
class Choices:
    """The file's content: names that are off (entry points or distributions), and kind → name → distribution to use."""

    disabled: list[str] = field(default_factory=list)
    preferences: dict[str, dict[str, str]] = field(default_factory=dict)

    def preferred(self, kind: str, name: str) -> str | None:
        """The distribution that decides for ``name``, normalised, if one was chosen."""
        return self.preferences.get(kind, {}).get(name.lower())


class PluginSettings:
    """Reads and writes the choices. A second copy of them is kept, so that a damaged file loses none."""

    def __init__(self, config: Config, on_problem: Callable[[str], None] | None = None) -> None:
        self._file = Kept(config.config_dir / "plugins.json", _parse, _render, on_problem)

    def read(self) -> Choices:
        """The choices in force.

        :raises UsageError: neither the file nor its copy can be read.
        """
        return self._file.read()

    def change(self, edit: Callable[[Choices], None]) -> Choices:
        """Apply ``edit`` to the choices under a lock and write them.

        :raises UsageError: the file cannot be read, or the config folder not be written.
        """
        return self._file.change(edit)


def disable(settings: PluginSettings, records: list[PluginRecord], name: str) -> list[PluginRecord]:
    """Turn a plugin, or all that a distribution brings, off for good.

    :returns: what it concerns.
    :raises UsageError: nothing installed goes by that name.
    """
    meant = named(records, name)

    def edit(choices: Choices) -> None:
        if not any(_same(entry, name) for entry in choices.disabled):
            choices.disabled.append(name)

    settings.change(edit)
    return meant


def enable(settings: PluginSettings, records: list[PluginRecord], name: str) -> list[PluginRecord]:
    """Turn a plugin, or all that a distribution brings, on again.

    :returns: what it concerns; empty for something that was turned off and is no longer installed.
    :raises UsageError: nothing goes by that name, or it is off because its whole distribution is.
    """
    was_off = any(_same(entry, name) for entry in settings.read().disabled)
    meant = [record for record in records if record.goes_by(name)]
    if not meant and not was_off:
        meant = named(records, name)
    whole = [record for record in meant if normalise(record.dist) == normalise(name)]

    def edit(choices: Choices) -> None:
        dists = {normalise(record.dist) for record in meant} - {normalise(name)}
        if blocking := [entry for entry in choices.disabled if normalise(entry) in dists and not _same(entry, name)]:
            raise UsageError(
                f"{name!r} is off because the whole of {blocking[0]} is.",
                f"Turn that on: rbee plugins enable {blocking[0]}",
            )
        parts = {record.name.lower() for record in whole}
        choices.disabled = [
            entry for entry in choices.disabled if not _same(entry, name) and entry.lower() not in parts
        ]

    settings.change(edit)
    return meant


def prefer(settings: PluginSettings, records: list[PluginRecord], name: str, dist: str) -> list[PluginRecord]:
    """Let one distribution decide wherever several declare ``name`` (a scheme, backend, worker or command).

    :returns: the entry points that now win.
    :raises UsageError: no such distribution is installed, or it does not declare that name.
    """
    own = [record for record in records if normalise(record.dist) == normalise(dist)]
    if not own:
        raise UsageError(f"No distribution called {dist!r} brings plugins.", _near(dist, {r.dist for r in records}))
    chosen = [record for record in own if record.name.lower() == name.lower()]
    if not chosen:
        declared = ", ".join(sorted(record.name for record in own))
        others = sorted({record.dist for record in records if record.name.lower() == name.lower()})
        raise UsageError(
            f"{own[0].dist} does not declare {name!r}; it declares {declared}.",
            f"{name!r} is declared by {', '.join(others)}." if others else "See `rbee plugins list`.",
        )

    def edit(choices: Choices) -> None:
        for record in chosen:
            choices.preferences.setdefault(record.kind, {})[name.lower()] = normalise(record.dist)

    settings.change(edit)
    return chosen


def forget_preference(settings: PluginSettings, name: str) -> bool:
    """Take a preference back; whether there was one."""
    found = False

    def edit(choices: Choices) -> None:
        nonlocal found
        for preferences in choices.preferences.values():
            found = preferences.pop(name.lower(), None) is not None or found

    settings.change(edit)
    return found


def named(records: Iterable[PluginRecord], name: str) -> list[PluginRecord]:
    """The plugins that go by ``name``: an entry point's name, or a distribution's for all it brings.

    :raises UsageError: there is none; the hint has the nearest names.
    """
    records = list(records)
    meant = [record for record in records if record.goes_by(name)]
    if not meant:
        known = {record.name for record in records} | {record.dist for record in records}
        raise UsageError(f"No plugin is called {name!r}.", _near(name, known))
    return meant


def _near(name: str, known: set[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name.lower(), sorted(known), n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(near)}?" if near else "`rbee plugins list` shows what is installed."


def _same(one: str, other: str) -> bool:
    return normalise(one) == normalise(other)


def _parse(data: dict[str, Any]) -> Choices:
    """Check every value: people edit this file."""
    disabled, preferences = data.get("disabled", []), data.get("preferences", {})
    if not isinstance(disabled, list) or not all(isinstance(name, str) for name in disabled):
        raise ValueError('"disabled" is not a list of names')
    if not isinstance(preferences, dict) or not all(
        isinstance(table, dict) and all(isinstance(dist, str) for dist in table.values())
        for table in preferences.values()
    ):
        raise ValueError('"preferences" is not kind → name → distribution')
    return Choices(list(disabled), {kind: dict(table) for kind, table in preferences.items()})


def _render(choices: Choices) -> dict[str, Any]:
    return {"version": 1, "disabled": sorted(choices.disabled), "preferences": choices.preferences}
