"""What was installed on purpose, on record beside the settings: where a wiped environment does not take it along.

One file for all environments of this home, each with its own list, by ``sys.prefix``: what is tried out in a checkout
never turns up in another rbee, and an environment made anew in the same place finds its list again. What is meant to
come is written before the installer runs, so that whatever ends it on the way, nothing is lost.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...errors import ErrorCode, RbeeError
from ..files import Kept, locked
from ..records import normalise

if TYPE_CHECKING:
    from ...config import Config

_VERSION = 1
INDEX, WHEEL, SOURCE = ORIGINS = ("index", "wheel", "source")


@dataclass(frozen=True, slots=True)
class Entry:
    """One distribution that somebody wants here.

    ``requirement`` is what was asked for, ``restore`` what brings the very same back (``toy==1.0``, a wheel's address,
    a repository at one commit); neither has a password or a signature in it. ``name`` and ``version`` are empty as long
    as only a build could tell. ``sha256`` is the wheel's, ``agreed`` whether a person agreed to just that; ``plugins``
    is ``vendor toy`` and the like; ``unfinished`` while an installer is at it, or if it never came to its end.
    """

    requirement: str
    restore: str
    origin: str
    name: str = ""
    version: str = ""
    sha256: str = ""
    index: str = ""
    agreed: bool = False
    plugins: tuple[str, ...] = ()
    at: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    unfinished: bool = False

    @property
    def key(self) -> str:
        """What tells it from the others: the normalised distribution, or the source's place."""
        return normalise(self.name) if self.name else self.requirement

    def goes_by(self, name: str) -> bool:
        """Whether ``name`` means it: its distribution, a plugin that it brings, or its source's place."""
        if normalise(name) == self.key or name == self.requirement:
            return True
        return any(plugin.partition(" ")[2].lower() == name.lower() for plugin in self.plugins)

    @property
    def title(self) -> str:
        """How messages name it."""
        return f"{self.name} {self.version}".strip() or self.requirement


_Lists = dict[str, list[Entry]]


class InstallRecord:
    """Reads and writes what is on record.

    :param prefix: the environment; this process's by default.
    :param on_problem: told a sentence when the file was damaged and its copy had to serve.
    """

    def __init__(
        self, config: Config, prefix: str | None = None, on_problem: Callable[[str], None] | None = None
    ) -> None:
        self.prefix = os.path.realpath(prefix or sys.prefix)
        self._state = config.state_dir
        self._file: Kept[_Lists] = Kept(config.config_dir / "plugins-installed.json", _parse, _render, on_problem)

    def entries(self, prefix: str | None = None) -> list[Entry]:
        """What is on record for this environment, or for another.

        :raises UsageError: the record can be read neither from its file nor from its copy.
        """
        return self._file.read().get(os.path.realpath(prefix) if prefix else self.prefix, [])

    def others(self) -> dict[str, int]:
        """How many there are for each other environment.

        :raises UsageError: the record cannot be read.
        """
        return {prefix: len(entries) for prefix, entries in self._file.read().items() if prefix != self.prefix}

    def put(self, entries: Iterable[Entry]) -> None:
        """Add entries; each takes the place of the one of its key.

        :raises UsageError: the record cannot be read, or not be written.
        """
        new = {entry.key: entry for entry in entries}

        def edit(lists: _Lists) -> None:
            lists[self.prefix] = [*(one for one in lists.get(self.prefix, []) if one.key not in new), *new.values()]

        if new:
            self._file.change(edit)

    def swap(self, old: Iterable[str], new: Iterable[Entry]) -> None:
        """Forget keys, and add entries, in one step.

        :raises UsageError: the record cannot be read, or not be written.
        """
        gone, come = set(old), list(new)

        def edit(lists: _Lists) -> None:
            keys = gone | {entry.key for entry in come}
            lists[self.prefix] = [*(one for one in lists.get(self.prefix, []) if one.key not in keys), *come]

        if gone or come:
            self._file.change(edit)

    def forget(self, keys: Iterable[str]) -> None:
        """Take entries off the record.

        :raises UsageError: the record cannot be read, or not be written.
        """
        self.swap(keys, ())

    @contextmanager
    def working(self) -> Iterator[None]:
        """Have this environment to oneself while an installer changes it.

        :raises RbeeError: ``PLUGIN_ERROR``: another rbee is at it.
        """
        import hashlib

        with suppress(PermissionError, NotADirectoryError, FileExistsError):  # no place for a lock: go without one
            self._state.mkdir(parents=True, exist_ok=True)
        if not os.access(self._state, os.W_OK):
            yield
            return
        place = self._state / f"plugins-{hashlib.sha256(self.prefix.encode()).hexdigest()[:16]}"
        holding = locked(place)
        try:
            holding.__enter__()
        except TimeoutError:
            raise RbeeError(
                ErrorCode.PLUGIN_ERROR,
                f"Another rbee is installing or removing plugins in {self.prefix}.",
                "Nothing was changed. Try again when it is through.",
            ) from None
        try:
            yield
        finally:
            holding.__exit__(None, None, None)


def brings(config: Config, kind: str, name: str) -> str | None:
    """The distribution on record for this environment that brings a plugin; nothing where the record is no help."""
    from ...errors import UsageError

    try:
        entries = InstallRecord(config).entries()
    except UsageError:
        return None
    return next((entry.name for entry in entries if f"{kind} {name}" in entry.plugins), None)


def finished(entry: Entry) -> Entry:
    """The same, as it stands once the installer came to its end."""
    return replace(entry, unfinished=False)


def _render(lists: _Lists) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "environments": {
            prefix: [
                {key: value for key, value in asdict(entry).items() if value or key == "requirement"}
                for entry in sorted(entries, key=lambda one: one.key)
            ]
            for prefix, entries in sorted(lists.items())
            if entries
        },
    }


_TEXTS = ("requirement", "restore", "origin", "name", "version", "sha256", "index", "at")


def _parse(data: dict[str, Any]) -> _Lists:
    """Check every value: it decides what will be installed."""
    if data.get("version", _VERSION) != _VERSION:
        raise ValueError(f"it is of version {data['version']!r}, of a newer rbee")
    environments = data.get("environments", {})
    if not isinstance(environments, dict) or not all(isinstance(one, list) for one in environments.values()):
        raise ValueError('"environments" is not prefix → list')
    return {prefix: [_entry(one) for one in entries] for prefix, entries in environments.items()}


def _entry(raw: Any) -> Entry:
    if not isinstance(raw, dict) or not isinstance(raw.get("plugins", []), list):
        raise ValueError("an entry is no object, or its plugins are no list")
    texts = {key: raw.get(key, "") for key in _TEXTS}
    plugins = tuple(raw.get("plugins", []))
    if not all(isinstance(text, str) and text.isprintable() for text in (*texts.values(), *plugins)):
        raise ValueError("an entry has a value that is no text")
    if not texts["requirement"] or not texts["restore"] or texts["origin"] not in ORIGINS:
        raise ValueError("an entry lacks its requirement, or says not where it is from")
    return Entry(**texts, plugins=plugins, agreed=raw.get("agreed") is True, unfinished=raw.get("unfinished") is True)
