"""Check plugins: each in a child process with a time limit, and its distribution by what was installed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from ..plugins.children import Child, Outcome, run_all
from ..plugins.failures import CHECK, Failure
from ..plugins.records import PluginRecord
from ..plugins.verdict import failure_of
from .reasons import of_process
from .rules import SEVERITIES, Finding, finding, from_row

if TYPE_CHECKING:
    from ..plugins.manager import PluginManager

#: Seconds one plugin may take.
LIMIT = 10.0


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of checking one plugin.

    ``failure`` is what is remembered of it, or ``None``; ``findings`` are ordered by severity; ``hooks`` are those it
    has; ``import_ms`` and ``modules`` are what loading it took, ``None`` where nothing was loaded; ``heavy`` are the
    heavy packages that loading it imports, each with the line that does; ``traceback`` is for ``-v``.
    """

    record: PluginRecord
    failure: Failure | None = None
    findings: list[Finding] = field(default_factory=list)
    hooks: list[str] = field(default_factory=list)
    import_ms: float | None = None
    modules: int | None = None
    heavy: dict[str, str | None] = field(default_factory=dict)
    traceback: str = ""

    def passes(self, *, strict: bool = False) -> bool:
        """Whether it works; with ``strict``, whether there is nothing to warn of either."""
        bad = ("error", "warning") if strict else ("error",)
        return not any(one.severity in bad for one in self.findings)

    def row(self) -> dict[str, Any]:
        """What ``rbee plugins check --json`` tells beside the row of the list."""
        return {
            "hooks": self.hooks,
            "findings": [one.row() for one in self.findings],
            "importMs": self.import_ms,
            "modules": self.modules,
            "heavy": self.heavy,
        }


def check_all(
    manager: PluginManager, records: Sequence[PluginRecord], *, limit: float = LIMIT, reserved: Iterable[str] = ()
) -> list[Checked]:
    """Check plugins, as many at a time as there are processors. Disabled ones are left out: they are never imported.

    :param limit: seconds each may take.
    :param reserved: names that a plugin's command cannot have.
    """
    records = [record for record in records if record.status != "disabled"]
    told = ",".join(reserved)
    children = [
        Child(
            "rbee_core.checking.probe",
            [record.kind, record.name, record.dist, str(limit), told],
            manager.config.env,
            limit,
        )
        for record in records
    ]
    outcomes = run_all(children, os.cpu_count() or 1)
    found = _of_distributions(records)
    checked = [
        _judge(record, outcome, found[record.key], limit) for record, outcome in zip(records, outcomes, strict=True)
    ]
    failures = manager.registry.failures
    for result in checked:
        if result.failure is None:
            failures.passed(result.record, CHECK)
            failures.note_hooks(result.record, result.hooks)
        else:
            failures.failed(result.record, result.failure)
    return checked


def _of_distributions(records: Sequence[PluginRecord]) -> dict[tuple[str, str, str], list[Finding]]:
    """What is found without running anything."""
    from .files import check_files, check_groups, check_recipe_file, check_requirements
    from .installed import Installed, read
    from .metadata import check_metadata

    @cache
    def whole(location: str) -> tuple[Installed | None, list[Finding]]:
        if (installed := read(location)) is None:
            return None, [finding("file-changed", "what was installed with it cannot be read: its metadata is damaged")]
        return installed, [*check_files(installed), *check_requirements(installed), *check_groups(installed)]

    found = {}
    for record in records:
        installed, findings = whole(record.location)
        found[record.key] = list(findings)
        if record.status == "conflict":
            found[record.key].append(finding("rival", str(record.reason)))
        if installed is not None:
            if record.kind == "worker":
                found[record.key] += check_recipe_file(record, installed)
            found[record.key] += check_metadata(record, installed)
    return found


def _judge(record: PluginRecord, outcome: Outcome, others: list[Finding], limit: float) -> Checked:
    failure = failure_of(outcome, limit)
    answer = outcome.answer or {}
    findings = [one for row in _rows(answer.get("findings")) if (one := from_row(row)) is not None]
    if failure is not None and not any(one.severity == "error" for one in findings):
        findings.append(of_process(failure, took_too_long=outcome.status is None))
    if failure is None:
        # The child's own findings are exact; that a requirement lacks is told once.
        wrong = next((one for one in [*findings, *others] if one.severity == "error"), None)
        failure = Failure(CHECK, wrong.message) if wrong is not None else None
    hooks, heavy, modules = answer.get("hooks"), answer.get("heavy"), answer.get("modules")
    milliseconds = answer.get("importMs")
    return Checked(
        record,
        failure,
        sorted([*findings, *others], key=lambda one: SEVERITIES.index(one.severity)),
        [str(hook) for hook in _rows(hooks)],
        float(milliseconds) if isinstance(milliseconds, int | float) else None,
        modules if isinstance(modules, int) else None,
        {str(name): str(line) if line else None for name, line in heavy.items()} if isinstance(heavy, dict) else {},
        str(answer.get("traceback") or (outcome.errors if failure is not None else "")),
    )


def _rows(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
