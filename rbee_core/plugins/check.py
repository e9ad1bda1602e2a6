"""``rbee plugins check``: really load each plugin, in a child process with a time limit, and remember the outcome."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .children import Child, Outcome, run_all
from .failures import CHECK, LOAD, Failure
from .records import PluginRecord

if TYPE_CHECKING:
    from .manager import PluginManager

#: Seconds one plugin may take.
LIMIT = 10.0


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of checking one plugin: its ``failure`` or ``None``, the ``hooks`` it has, details for ``-v``."""

    record: PluginRecord
    failure: Failure | None = None
    hooks: list[str] = field(default_factory=list)
    traceback: str = ""


def check_all(manager: PluginManager, records: Sequence[PluginRecord], *, limit: float = LIMIT) -> list[Checked]:
    """Check plugins, as many at a time as there are processors. Disabled ones are left out: they are never imported."""
    records = [record for record in records if record.status != "disabled"]
    children = [
        Child(
            "rbee_core.plugins.probe",
            [record.kind, record.name, record.dist, str(limit)],
            manager.config.env,
            limit,
        )
        for record in records
    ]
    outcomes = run_all(children, os.cpu_count() or 1)
    checked = [_judge(record, outcome, limit) for record, outcome in zip(records, outcomes, strict=True)]
    for result in checked:
        if result.failure is None:
            manager.registry.failures.passed(result.record, CHECK)
            manager.registry.failures.note_hooks(result.record, result.hooks)
        else:
            manager.registry.failures.failed(result.record, result.failure)
    return checked


def _judge(record: PluginRecord, outcome: Outcome, limit: float) -> Checked:
    failure = failure_of(outcome, limit)
    if failure is not None:
        traceback = str((outcome.answer or {}).get("traceback") or outcome.errors)
        return Checked(record, failure, traceback=traceback)
    hooks = (outcome.answer or {}).get("hooks")
    return Checked(record, hooks=[str(hook) for hook in hooks] if isinstance(hooks, list) else [])


def failure_of(outcome: Outcome, limit: float, *, patient: bool = True) -> Failure | None:
    """What to remember of how a child ended; ``None`` when it answered.

    :param patient: the limit was long enough to call a plugin that was still loading at its end a hanging one.
    """
    if outcome.answer is None:
        if outcome.stage != LOAD:
            return Failure(outcome.stage, outcome.trouble(limit))
        # It would take rbee itself down: such a plugin is never loaded but in a child.
        fatal = patient or outcome.status is not None
        return Failure(LOAD, f"loading it {outcome.trouble(limit)}", fatal=fatal)
    data = outcome.answer.get("failure")
    if not isinstance(data, dict):
        return None
    return Failure(str(data.get("where")), str(data.get("reason")), str(data.get("status")))
