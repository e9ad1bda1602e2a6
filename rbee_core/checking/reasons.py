"""A plugin's failure, as the rule that it breaks, with the line of its code."""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from ..plugins.failures import LOAD, Failure
from ..plugins.guard import FaultyPluginError
from ..plugins.problems import package_of, written
from ..plugins.records import PluginRecord
from .rules import Finding, finding


def findings_of(record: PluginRecord, failure: Failure, error: BaseException) -> Iterator[Finding]:
    """What a plugin failed with, in the process where it did.

    :param failure: what is remembered of it.
    :param error: the exception.
    """
    if isinstance(error, FaultyPluginError):
        if not error.problems:
            yield finding(error.rule, failure.reason)
        for problem in error.problems:
            yield finding(problem.rule, problem.message, problem.hint, problem.where)
    elif failure.where != LOAD:
        yield finding("hook-fails", f"{failure.where}: {failure.reason}", where=_own_line(record, error))
    elif isinstance(error, ModuleNotFoundError) and error.name:
        yield _missing(record, error.name, failure, _own_line(record, error))
    elif isinstance(error, SyntaxError) and error.filename:
        yield finding("import", f"loading it raised {failure.reason}", where=written(error.filename, error.lineno))
    else:
        yield finding("import", f"loading it raised {failure.reason}", where=_own_line(record, error))


def of_process(failure: Failure, *, took_too_long: bool) -> Finding:
    """The finding for a plugin whose process gave no answer."""
    message = failure.reason if failure.where == LOAD else f"{failure.where}: {failure.reason}"
    if took_too_long:
        return finding("hangs", message, "Wait for nothing while it is loaded; --timeout gives it longer.")
    return finding("crashes", message, "-v shows the end of what it wrote.")


def _missing(record: PluginRecord, name: str, failure: Failure, where: str | None) -> Finding:
    """Something that is imported is not there."""
    module = record.entry_point.partition(":")[0].strip()
    if module == name or module.startswith(f"{name}."):
        return finding("entry-point", f"its entry point names the module {module}, which is not there")
    top = name.partition(".")[0]
    if top == module.partition(".")[0]:
        return finding("import", f"imports its own module {name}, which is not there", where=where)
    hint = f"Install what brings {top}, and name it among the dependencies in pyproject.toml."
    return finding("dependency", f"imports {name}, which is not installed", hint, where)


def _own_line(record: PluginRecord, error: BaseException) -> str | None:
    """The innermost line of the plugin's own code on the way to an exception."""
    own = package_of(record.entry_point)
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == own:
            found = written(frame.f_code.co_filename, line)
    return found
