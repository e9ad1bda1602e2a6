"""Bringing back what is on record and gone, as far as it can be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from ...errors import ErrorCode, RbeeError, UsageError
from .installed import Installed, installed
from .keepers import Keeper
from .names import Wanted, wanted
from .perform import Performed, note_present, perform
from .plan import Installer
from .prepare import Prepared, prepare
from .record import INDEX, Entry, InstallRecord, finished

#: A repository at one commit: nothing else can come from there.
_AT_COMMIT = re.compile(r"\b(?:git|hg)\+\S+@[0-9a-f]{40}(?:#\S*)?")


@dataclass(slots=True)
class Synced:
    """What came of it: each entry that is back (or would be), with what was done for it, and each that is not."""

    restored: list[Entry] = field(default_factory=list)
    done: list[tuple[Prepared, Performed]] = field(default_factory=list)
    failed: list[tuple[Entry, RbeeError | UsageError]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sync:
    """Restores entries.

    :param accept: shows what would come and asks about what nobody agreed to; raises an RbeeError to refuse it.
    :param on_problem: told a sentence when something had to be done another way.
    :param newest: the newest version that was asked for, not the one on record.
    """

    installer: Installer
    record: InstallRecord
    keeper: Keeper | None
    accept: Callable[[Prepared], None]
    on_problem: Callable[[str], None]
    newest: bool = False
    dry_run: bool = False

    def restore(self, entries: Sequence[Entry]) -> Synced:
        """All at once if that can be, else one by one: what cannot come back holds up nothing else."""
        result = Synced()
        queue = [list(entries)] if entries else []
        while queue:
            group = queue.pop(0)
            try:
                self._restore(group, result)
            except (RbeeError, UsageError) as error:
                if len(group) == 1:
                    result.failed.append((group[0], _with_origin(error, group[0])))
                else:
                    queue = [[one] for one in group]
        return result

    def _restore(self, group: list[Entry], result: Synced) -> None:
        known = frozenset(word for one in group if one.agreed for word in (one.sha256, _commit(one)) if word)
        things = [self._wanted(one) for one in group]
        prepared = prepare(things, self.installer, allow_source=True, known=known)
        if prepared.strangers and len(group) > 1:
            raise RbeeError(ErrorCode.PLUGIN_ERROR, "Each is asked about on its own.")
        self.accept(prepared)
        if not self.dry_run:
            done = (
                Performed([], note_present(prepared, self.record))
                if prepared.nothing
                else perform(prepared, self.record, self.keeper, self.on_problem)
            )
            self._keep_wishes(group)
            result.done.append((prepared, done))
        else:
            result.done.append((prepared, Performed([])))
        result.restored += group

    def _wanted(self, entry: Entry) -> Wanted:
        text = entry.requirement if self.newest and entry.origin == INDEX else entry.restore
        return wanted([text])[0]

    def _keep_wishes(self, group: Iterable[Entry]) -> None:
        """What was asked for stays on record as it was asked for; what was restored is one version of it."""
        wished = {entry.key: entry.requirement for entry in group if entry.name}
        try:
            mine = [entry for entry in self.record.entries() if entry.key in wished]
            self.record.put([replace(entry, requirement=wished[entry.key]) for entry in mine])
        except UsageError:
            return  # told with what was performed


def lacking(entries: Iterable[Entry]) -> list[Entry]:
    """What is on record and not installed: wiped, or never come to its end."""
    here = installed()
    return [entry for entry in entries if _lacks(entry, here.get(entry.key))]


def settle(record: InstallRecord) -> None:
    """Confirm entries whose installer was killed after it had done its work.

    :raises UsageError: the record can be read neither from its file nor from its copy.
    """
    entries = record.entries()
    gone = {entry.key for entry in lacking(entries)}
    record.put([finished(entry) for entry in entries if entry.unfinished and entry.key not in gone])


def _lacks(entry: Entry, found: Installed | None) -> bool:
    return found is None or (entry.unfinished and not (found.whole and found.version == entry.version))


def _commit(entry: Entry) -> str:
    return entry.restore if _AT_COMMIT.search(entry.restore) else ""


def _with_origin(error: RbeeError | UsageError, entry: Entry) -> RbeeError | UsageError:
    """The same, with the index that it came from, which may be none that is asked now."""
    if not isinstance(error, RbeeError) or not entry.index:
        return error
    return RbeeError(error.code, error.message, f"{error.hint} It came from {entry.index}".strip())
