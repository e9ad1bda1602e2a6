"""What is remembered about plugins that failed, in ``plugin-failures.json`` of the state folder.

A failure stands for one version of one distribution, as it was on disk then: a reinstall, an upgrade or an edit of its
code lifts it, and so does passing. A plugin that was never loaded as it is now is noted before it is: some end the
process, and nobody is left to tell. Nothing here ever fails: a file that is damaged or cannot be written only forgets.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .files import read_json, write_json
from .records import PluginRecord, normalise

if TYPE_CHECKING:
    from ..config import Config

#: Failures of these stages are met before any hook of the plugin is called.
LOAD, CHECK = "load", "check"
_TABLES = ("failures", "conflicts", "hooks", "loading", "loaded")
#: Source files of a plugin looked at for its fingerprint, at most.
_MOST_FILES = 2000


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a plugin failed.

    ``where`` is ``load``, or the hook that failed; ``status`` is ``error`` or ``incompatible``; ``fatal`` says that
    loading it took a whole process down (a crash, a hang), so that it is only ever tried again in a child.
    """

    where: str
    reason: str
    status: str = "error"
    fatal: bool = False


class Failures:
    """The memory. Read once; written at every change, under a lock, merged with what other processes wrote."""

    def __init__(self, config: Config) -> None:
        self.path = config.state_dir / "plugin-failures.json"
        self._seen: tuple[int, int, int] | None = None
        self._data = self._read()

    def of(self, record: PluginRecord) -> Failure | None:
        """The failure that stands for this plugin as it is now."""
        row = self._now()["failures"].get(_key(record))
        if not isinstance(row, dict) or row.get("version") != record.version:
            return self._broken_off(record)
        if row.get("entryPoint") != record.entry_point or row.get("fingerprint") != fingerprint(record):
            return None
        status = row.get("status")
        return Failure(
            where=str(row.get("where", LOAD)),
            reason=str(row.get("reason", "failed")),
            status=status if status in ("error", "incompatible") else "error",
            fatal=row.get("fatal") is True,
        )

    def failed(self, record: PluginRecord, failure: Failure) -> None:
        """Remember a failure."""
        row = {
            "version": record.version,
            "entryPoint": record.entry_point,
            "fingerprint": fingerprint(record),
            "where": failure.where,
            "reason": failure.reason,
            "status": failure.status,
            "fatal": failure.fatal,
        }
        if self._data["failures"].get(_key(record)) != row:
            self._change(lambda data: data["failures"].update({_key(record): row}))

    def passed(self, record: PluginRecord, where: str) -> None:
        """Forget a failure that was met where the plugin now passed; passing a check lifts any."""
        row = self._data["failures"].get(_key(record))
        if where == CHECK and _key(record) in self._data["loading"]:
            self.ended(record, loaded=True)
        if row is None:
            return
        if where == CHECK or not isinstance(row, dict) or row.get("where") in (where, LOAD):
            self._change(lambda data: data["failures"].pop(_key(record), None))

    def begins(self, record: PluginRecord) -> bool:
        """Note that a plugin is about to be loaded, unless it is known to load as it is now.

        :returns: whether it was noted; `ended` takes the note back.
        """
        mark = fingerprint(record)
        if self._now()["loaded"].get(_key(record)) == mark:
            return False
        from ..process_groups import started_at

        row = {"fingerprint": mark, "pid": os.getpid(), "began": started_at(os.getpid())}
        self._change(lambda data: data["loading"].update({_key(record): row}))
        return True

    def ended(self, record: PluginRecord, *, loaded: bool) -> None:
        """Take back what `begins` noted: this process is still here."""

        def edit(data: dict[str, dict[str, Any]]) -> None:
            row = data["loading"].pop(_key(record), None)
            if loaded and isinstance(row, dict):
                data["loaded"][_key(record)] = row.get("fingerprint")

        self._change(edit)

    def _broken_off(self, record: PluginRecord) -> Failure | None:
        """The failure of a plugin whose loading nobody outlived."""
        row = self._now()["loading"].get(_key(record))
        if not isinstance(row, dict) or row.get("fingerprint") != fingerprint(record):
            return None
        from ..process_groups import is_running

        pid, began = row.get("pid"), row.get("began")
        if isinstance(pid, int) and isinstance(began, float) and is_running(pid, began):
            return None
        return Failure(LOAD, "rbee ended while it was being loaded", fatal=True)

    def note_hooks(self, record: PluginRecord, hooks: list[str]) -> None:
        """Keep what a check found the plugin to implement, for ``rbee plugins show``."""
        row = {"version": record.version, "fingerprint": fingerprint(record), "hooks": hooks}
        if self._data["hooks"].get(_key(record)) != row:
            self._change(lambda data: data["hooks"].update({_key(record): row}))

    def hooks(self, record: PluginRecord) -> list[str] | None:
        """The hooks it implements, if it was checked as it is now."""
        row = self._now()["hooks"].get(_key(record))
        if not isinstance(row, dict) or row.get("version") != record.version:
            return None
        hooks = row.get("hooks")
        known = isinstance(hooks, list) and row.get("fingerprint") == fingerprint(record)
        return [str(hook) for hook in hooks] if known and isinstance(hooks, list) else None

    def conflict(self, name: str, rivals: Iterable[PluginRecord]) -> None:
        """Remember that several vendors answered to one reference of scheme ``name``."""
        row = {normalise(rival.dist): rival.version for rival in rivals}
        if self._data["conflicts"].get(name) != row:
            self._change(lambda data: data["conflicts"].update({name: row}))

    def rivals(self, name: str) -> dict[str, str]:
        """Normalised distribution → version of the vendors that were in conflict over scheme ``name``."""
        row = self._now()["conflicts"].get(name)
        return row if isinstance(row, dict) else {}

    def _now(self) -> dict[str, dict[str, Any]]:
        """The memory, read again if another process changed it."""
        if self._identity() != self._seen:
            self._data = self._read()
        return self._data

    def _identity(self) -> tuple[int, int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _read(self) -> dict[str, dict[str, Any]]:
        self._seen = self._identity()
        try:
            data = read_json(self.path)
        except (ValueError, OSError):
            data = {}
        tables = {name: data.get(name) for name in _TABLES}
        return {name: dict(table) if isinstance(table, dict) else {} for name, table in tables.items()}

    def _change(self, edit: Callable[[dict[str, dict[str, Any]]], object]) -> None:
        edit(self._data)
        with suppress(OSError):
            from .files import locked

            with locked(self.path):
                data = self._read()
                edit(data)
                write_json(self.path, {"version": 1, **data})
                self._data, self._seen = data, self._identity()


def fingerprint(record: PluginRecord) -> str:
    """A short text that changes when the distribution is installed anew or the plugin's own source is edited."""
    marks = [_stamp(os.path.join(record.location, name)) for name in ("METADATA", "RECORD", "entry_points.txt")]  # noqa: PTH118
    marks += [_stamp(path) for path in _sources(record.entry_point)]
    import zlib

    return f"{zlib.crc32(repr(sorted(marks)).encode()):08x}"


def _stamp(path: str) -> tuple[str, int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return path, 0, 0
    return path, status.st_mtime_ns, status.st_size


def _sources(entry_point: str) -> list[str]:
    """The Python files of the entry point's top-level module, found without importing it."""
    from importlib.util import find_spec

    from .problems import package_of

    try:
        spec = find_spec(package_of(entry_point))
    except Exception:  # noqa: BLE001 — finders are third-party code too
        return []
    if spec is None:
        return []
    found = [spec.origin] if spec.origin else []
    for root in list(spec.submodule_search_locations or ()):
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            found += [os.path.join(folder, name) for name in sorted(files) if name.endswith((".py", ".toml"))]  # noqa: PTH118
            if len(found) > _MOST_FILES:
                return found[:_MOST_FILES]
    return found


def _key(record: PluginRecord) -> str:
    return ":".join(record.key)
