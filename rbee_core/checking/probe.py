"""``python -m rbee_core.checking.probe KIND NAME DIST LIMIT RESERVED``: try one plugin out; what a check runs of each.

Its answer has ``hooks``, ``findings``, ``importMs``, ``modules`` (a number), ``heavy`` (package → line), and of a
plugin that failed ``failure`` and ``traceback``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..plugins.guard import FaultyPluginError
from ..plugins.import_watch import MOST_MODULES, ImportWatch
from ..plugins.isolation import one_line
from ..plugins.problems import package_of
from .listening import ListeningGuard
from .rules import Finding, finding

if TYPE_CHECKING:
    from ..plugins.child import Noted, Report
    from ..plugins.manager import PluginManager
    from ..plugins.records import PluginRecord

#: A made-up reference for each scheme that has a grammar of its own; nothing is ever fetched.
_SAMPLES = {
    "hf": "hf:rbee/probe",
    "huggingface": "hf:rbee/probe",
    "ollama": "ollama:probe",
    "file": "file:/rbee-probe",
    "http": "http://probe.invalid/model.gguf",
    "https": "https://probe.invalid/model.gguf",
    "s3": "s3://probe/model.gguf",
    "oci": "oci://probe.invalid/rbee:probe",
    "docker": "docker://probe.invalid/rbee:probe",
}
#: Characters of what a plugin printed that are shown.
_SHOWN = 60


def main() -> None:
    """Run with ``sys.argv[1:]`` and end the process."""
    from ..plugins.child import Noted, Report, end_by_itself, failure_data, leave

    kind, name, dist, limit, reserved = sys.argv[1:]
    report = Report()
    from ..config import Config
    from ..errors import RbeeError, UsageError
    from ..plugins.manager import PluginManager
    from ..plugins.records import normalise, scan

    end_by_itself(float(limit))
    report.stage("load")
    noted = Noted()
    try:
        installed = scan()
        record = next(record for record in installed if record.key == (kind, name, normalise(dist)))
        manager = PluginManager(Config({"strict_plugins": False}), installed=[record], memory=noted)
    except (RbeeError, UsageError) as error:
        report.answer({"hooks": [], "note": error.message})
        leave()
    kinds = {other.kind for other in installed if other.entry_point == record.entry_point}
    trial = Trial(manager, record, report, noted, kinds=kinds, reserved=reserved.split(","))
    try:
        trial.run()
        report.answer(trial.told())
    except (RbeeError, UsageError) as error:
        if noted.failure is None:
            report.answer({**trial.told(), "note": error.message})
        else:
            # rbee's own verdict has no traceback that would tell anybody anything.
            cause = error.__cause__
            quiet = {"traceback": ""} if isinstance(cause, FaultyPluginError) and cause.__cause__ is None else {}
            report.answer({**failure_data(noted.failure, error), **quiet, **trial.told(error)})
    leave()


class Trial:
    """One plugin being tried out, and what was seen meanwhile.

    :param kinds: what its entry point is declared to be.
    :param reserved: names that no command of a plugin can be reached by.
    """

    def __init__(
        self,
        manager: PluginManager,
        record: PluginRecord,
        report: Report,
        noted: Noted,
        *,
        kinds: set[str],
        reserved: list[str],
    ) -> None:
        self._manager, self._record, self._report, self._noted = manager, record, report, noted
        self._kinds, self._reserved = kinds, reserved
        self._watch = ImportWatch(package_of(record.entry_point))
        self._guard = ListeningGuard(noted)
        manager.guard = self._guard
        self._hooks: list[str] = []
        self._findings: list[Finding] = []

    def run(self) -> None:
        """Load the plugin and call what may be called without consequences.

        :raises RbeeError: ``PLUGIN_ERROR``: it failed.
        """
        {"worker": self._try_worker, "command": self._try_command}.get(self._record.kind, self._try_hooks)()

    def told(self, error: BaseException | None = None) -> dict[str, Any]:
        """What there is to tell, as the answer has it.

        :param error: what the plugin failed with.
        """
        found = [*self._findings]
        if error is not None and self._noted.failure is not None:
            from .reasons import findings_of

            found = [*findings_of(self._record, self._noted.failure, error.__cause__ or error), *found]
        heavy = self._watch.heavy()
        found += [*self._imports(heavy), *self._printed()]
        return {
            "hooks": self._hooks,
            "findings": [one.row() for one in found],
            "importMs": None if self._record.kind == "worker" else round(self._watch.seconds * 1000, 1),
            "modules": None if self._record.kind == "worker" else len(self._watch.modules),
            "heavy": heavy,
        }

    def _try_hooks(self) -> None:
        from ..plugins.loaded import LoadedBackend, LoadedVendor

        self._guard.watch = self._watch
        loaded = self._manager.load(self._record)
        self._hooks = loaded.hooks
        self._findings += self._hook_findings(loaded.plugin)
        if isinstance(loaded, LoadedVendor):
            self._report.stage("supports_model")
            loaded.supports_model(self._guard.run(self._record, "load", lambda: _sample(self._record)))
        elif isinstance(loaded, LoadedBackend):
            self._report.stage("detect_hardware")
            _detect(loaded)

    def _try_worker(self) -> None:
        from .workers import check_worker

        self._guard.run(self._record, "load", lambda: check_worker(self._record))

    def _try_command(self) -> None:
        import typer

        from .commands import check_command

        self._guard.watch = self._watch
        command = self._manager.load_command(self._record, typer.main.get_command)
        self._guard.run(self._record, "load", lambda: check_command(self._record, command, self._reserved))

    def _hook_findings(self, plugin: Any) -> Iterator[Finding]:
        """What is odd about a plugin that can be used."""
        from ..plugins.hook_rules import hook_problems
        from ..plugins.loading import stated_api

        for problem in hook_problems(self._record.kind, plugin):
            if problem.rule == "foreign-hook" and len(self._kinds) > 1:
                continue  # one object for two kinds
            yield finding(problem.rule, problem.message, problem.hint, problem.where)
        if stated_api(self._record, plugin) is None:
            hint = "Write rbee_api = 1 into its class."
            yield finding("no-api-version", "does not say which hook API it is made for", hint)

    def _imports(self, heavy: dict[str, str | None]) -> Iterator[Finding]:
        for package, where in heavy.items():
            hint = f"Import {package} inside the function that needs it."
            yield finding("heavy-import", f"loading it imports {package}", hint, where)
        modules = self._watch.modules
        tops = [name.partition(".")[0] for name in modules]
        # What the heavy packages bring is told with them.
        if sum(top not in heavy for top in tops) > MOST_MODULES:
            from collections import Counter

            listed = ", ".join(f"{name} ({count})" for name, count in Counter(tops).most_common(4))
            message = f"loading it imports {len(modules)} modules ({MOST_MODULES} are well); most are of {listed}"
            hint = "Import what is not always needed inside the function that needs it."
            yield finding("module-count", message, hint)

    def _printed(self) -> Iterator[Finding]:
        for where, text in self._guard.printed.items():
            shown = one_line(text)
            shown = shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
            when = "while it was loaded" if where == "load" else f"in {where}"
            yield finding("prints", f"printed {shown!r} {when}", "Tell it with job.log or job.emit, or on sys.stderr.")


def _detect(backend: Any) -> None:
    """No devices, for a reason, is an answer like any other."""
    from ..errors import ErrorCode, RbeeError

    try:
        backend.detect_hardware()
    except RbeeError as error:
        if error.code is ErrorCode.PLUGIN_ERROR:
            raise


def _sample(record: PluginRecord) -> Any:
    from ..errors import RbeeError
    from ..refs import ModelRef

    try:
        return ModelRef.parse(_SAMPLES.get(record.name.lower(), f"{record.name}:probe"))
    except RbeeError:
        reason = f"its name {record.name!r} cannot be the scheme of a reference"
        raise FaultyPluginError(reason, rule="scheme") from None


if __name__ == "__main__":
    main()
