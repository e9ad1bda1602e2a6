"""What every command plugin has to be, as tests: its author subclasses `CommandContract` and gives two names.

```python
class TestShelf(CommandContract):
    command = "shelf"
    works = ("list",)
    fails = ("show", "nothing")

    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-command-shelf"
```

The plugin is found by its entry point, and its commands run as people run them; ``docs/plugins.md`` lists the rules.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import ClassVar

import pytest

from ..errors import ErrorCode
from ..plugins.import_watch import HEAVY
from .cli import RbeeHome
from .plugin_contract import PluginContract, honest, loaded
from .plugin_process import Answer, PluginProcess

_CODES = frozenset(code.value for code in ErrorCode)
#: Not an option of anybody.
_NO_OPTION = "--no-such-option-of-anybody"


class CommandContract(PluginContract):
    """The conformance class."""

    kind = "command"
    #: The command: its entry point's name.
    command: ClassVar[str] = ""
    #: The words of a call that does its work, after ``rbee COMMAND`` and without ``--json``, if it has one.
    works: ClassVar[tuple[str, ...] | None] = None
    #: The words of a call that cannot do its work: with what it asks for missing, say.
    fails: ClassVar[tuple[str, ...] | None] = None
    #: rbee's command line has loaded the two before any plugin.
    heavy: ClassVar[frozenset[str]] = HEAVY - {"typer", "rich"}

    @pytest.fixture(scope="class")
    @classmethod
    def home(cls, tmp_path_factory: pytest.TempPathFactory) -> RbeeHome:
        """The rbee in which its commands run; override it to put something there, or for more environment."""
        home = RbeeHome(tmp_path_factory.mktemp("rbee-home"))
        home.path.mkdir(exist_ok=True)
        return home

    @pytest.fixture(scope="class")
    @classmethod
    def process(cls, plugin: str, home: RbeeHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PluginProcess]:
        """The process in which it is loaded, started when it is first asked something."""
        if not cls.command:
            raise NotImplementedError("set the class attribute 'command': the entry point's name")
        folder = tmp_path_factory.mktemp("plugin")
        with PluginProcess("command", plugin, cls.command, folder, home.env) as process:
            yield process

    @pytest.fixture(scope="class")
    @classmethod
    def use(cls, process: PluginProcess) -> Answer:
        """The answer to writing all its help."""
        loaded(process)
        return process.ask("help")

    def test_it_is_mounted_with_its_help(self, use: Answer, home: RbeeHome) -> None:
        """``rbee COMMAND --help``, and that of every command in it."""
        assert "raised" not in use, f"its help cannot be written: {use}"
        assert "faulty" not in use, use["faulty"]
        done = self.run(home, "--help")
        assert done.returncode == 0, f"`rbee {self.command} --help` ended with {done.returncode}: {done.stderr}"
        usage = f"rbee {self.command}"
        assert usage in done.stdout, f"`rbee {self.command} --help` does not tell how it is used: {done.stdout}"

    def test_help_is_cheap(self, use: Answer) -> None:
        """Whoever asks for help waits for no package that only the work needs, and for no server."""
        heavy = sorted({name.partition(".")[0] for name in use.get("modules", [])} & self.heavy)
        assert not heavy, f"its help imports {', '.join(heavy)}: import them inside the command that needs them"
        assert use["calls"] == [], f"its help called {', '.join(use['calls'][:5])}"

    def test_wrong_usage_is_told(self, home: RbeeHome) -> None:
        """Exit status 2, a word to standard error, and nothing to standard output."""
        done = self.run(home, _NO_OPTION)
        assert done.returncode == 2, f"`rbee {self.command} {_NO_OPTION}` ended with {done.returncode}, not with 2"
        assert done.stdout == "", f"wrong usage printed to standard output: {done.stdout!r}"
        assert _NO_OPTION in done.stderr, f"it does not say what is wrong: {done.stderr!r}"

    def test_errors_are_left_to_rbee(self, process: PluginProcess) -> None:
        """They are told in one place: an `RbeeError` with its hint, what nobody expected in one line."""
        loaded(process)
        expected, surprise = process.ask("fail", regular=True), process.ask("fail", regular=False)
        assert expected.get("error", {}).get("message") == "made to fail", f"an RbeeError became {expected}"
        assert surprise.get("raised") == "RuntimeError: made to fail", f"an exception became {surprise}"
        told = (process.folder / "stderr").read_text(errors="replace")
        assert "Traceback" not in told, "it prints a traceback: -v of rbee does, for those who want one"

    def test_only_data_goes_to_standard_output(self, home: RbeeHome) -> None:
        """A call that works ends with 0; with ``--json``, if it has that, it prints one document and nothing else."""
        if self.works is None:
            return
        done = self.run(home, *self.works)
        assert done.returncode == 0, f"it ended with {done.returncode}: {done.stderr}"
        if self._takes_json(self.works, home):
            done = self.run(home, *self.works, "--json")
            assert done.returncode == 0, f"with --json it ended with {done.returncode}: {done.stderr}"
            try:
                json.loads(done.stdout)
            except ValueError as error:
                pytest.fail(f"with --json it prints what is no single JSON document: {error}: {done.stdout[:200]!r}")

    def test_a_failure_is_told(self, home: RbeeHome) -> None:
        """Exit status 1 and a message on standard error; with ``--json``, if it has that, as JSON."""
        if self.fails is None:
            return
        done = self.run(home, *self.fails)
        assert done.returncode == 1, f"it ended with {done.returncode}, not with 1: {done.stdout}{done.stderr}"
        assert done.stderr.strip(), "it says nothing on standard error"
        assert "Traceback" not in done.stderr, f"it shows a traceback: {done.stderr}"
        if self._takes_json(self.fails, home):
            done = self.run(home, *self.fails, "--json")
            try:
                told = json.loads(done.stderr[done.stderr.find("{") :])
            except ValueError:
                pytest.fail(f"with --json its error is no JSON: {done.stderr!r}")
            honest(told, _CODES)
            assert done.stdout == "", f"with --json it failed and printed {done.stdout!r}"

    def run(self, home: RbeeHome, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``rbee COMMAND WORD…``; the plugin may lie where only this process finds modules."""
        path = {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
        return home(self.command, *words, env={**path, **home.env, "COLUMNS": "200"})

    def _takes_json(self, words: tuple[str, ...], home: RbeeHome) -> bool:
        return "--json" in self.run(home, *words, "--help").stdout
