"""Inside the process: a command plugin's application, mounted as rbee mounts it, and what came of it as JSON."""

from __future__ import annotations

from typing import Any

# rbee's command line has them loaded before any plugin: they are not what a command costs.
import rich  # noqa: F401, TID253
import typer

from ...checking.commands import check_command
from ...cli.app import COMMANDS
from ...errors import ErrorCode, RbeeError
from ...plugins.guard import FaultyPluginError
from ...plugins.import_watch import ImportWatch
from ...plugins.loading import resolve
from ...plugins.problems import package_of
from ...plugins.records import PluginRecord, normalise
from .calls import installed
from .watch import Watch


class CommandCalls:
    """One command plugin, and what can be asked of it."""

    def __init__(self, watch: Watch, kind: str, name: str, dist: str) -> None:
        self._watch = watch
        self._key = (kind, name, normalise(dist))
        self._record: PluginRecord | None = None
        self._app: Any = None
        #: What the last question's code called of the system.
        self.seen: list[str] = []

    def load(self) -> dict[str, Any]:
        """Import it, as rbee does."""
        self._record = installed(*self._key)
        with ImportWatch(package_of(self._record.entry_point)) as watch:
            app = resolve(self._record)
        if not isinstance(app, typer.Typer):
            raise FaultyPluginError(f"{self._record.entry_point} is a {type(app).__name__}, not a typer.Typer")
        self._app = app
        return {"modules": watch.modules, "hooks": []}

    def help(self) -> dict[str, Any]:
        """Write the help of each of its commands: what that imports, or why it cannot be."""
        assert self._record is not None
        with self._watch.calls() as self.seen, ImportWatch(package_of(self._record.entry_point)) as watch:
            try:
                check_command(self._record, typer.main.get_command(self._app), list(COMMANDS))
            except FaultyPluginError as error:
                return {"faulty": error.reason, "modules": []}
        return {"modules": watch.modules}

    def fail(self, regular: bool) -> dict[str, Any]:
        """Let the first of its commands fail in the middle: by an `RbeeError`, or by what nobody expected."""
        error = (
            RbeeError(ErrorCode.BUILD_FAILED, "made to fail", "no hint") if regular else RuntimeError("made to fail")
        )

        def fails(*_given: Any, **_options: Any) -> None:
            raise error

        root: Any = typer.main.get_command(self._app)
        words: list[str] = []
        command = root
        while hasattr(command, "list_commands"):
            command.params, command.callback = [], None
            context = command.context_class(command, info_name=self._key[1])
            name = next(iter(command.list_commands(context)))
            words, command = [*words, name], command.get_command(context, name)
        command.params, command.callback = [], fails
        root.main(words, prog_name=f"rbee {self._key[1]}", standalone_mode=False)
        return {"swallowed": True}

    def cancel(self) -> None:
        """Nothing here goes on for long."""
