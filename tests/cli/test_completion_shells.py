"""Completion in the shells themselves, on a terminal: a Tab is pressed, and what then stands in the line is run."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from rbee_core.testing.cli import RbeeHome, clean_env

from .test_completion import catalog

#: How each shell is started without anybody's settings, and how it is told to print the arguments that rbee is given.
SHELLS = {
    "bash": (["--norc", "--noprofile", "-i"], 'rbee() { printf "<%s>" RAN "$@"; echo; }'),
    "zsh": (["-f", "-i"], 'autoload -Uz compinit; compinit -u -D; rbee() { printf "<%s>" RAN "$@"; echo; }'),
    "fish": (["--no-config", "-i"], 'function rbee; printf "<%s>" RAN $argv; echo; end'),
}


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, arguments: list[str], env: dict[str, str], folder: Path) -> None:
        self._end, inner = pty.openpty()
        # A terminal that controls its session: without one fish leaves at once. setsid becomes the shell.
        whole = ["setsid", "--ctty", *arguments]
        self.process = Popen(whole, stdin=inner, stdout=inner, stderr=inner, env=env, cwd=folder)
        os.close(inner)

    def type(self, text: str, until: str, limit: float = 60) -> str:
        """Type, and wait for a pattern in what is then printed: its first group."""
        os.write(self._end, text.encode())
        seen, end = "", time.monotonic() + limit
        while time.monotonic() < end:
            if select.select([self._end], [], [], 0.2)[0]:
                seen += os.read(self._end, 1 << 16).decode(errors="replace")
            if (match := re.search(until, seen)) is not None:
                return match[1]
        raise AssertionError(f"{until!r} was not printed: {seen!r}")

    def close(self) -> None:
        """End the shell."""
        self.process.kill()
        self.process.wait()
        os.close(self._end)


@pytest.fixture(params=sorted(SHELLS))
def terminal(request: pytest.FixtureRequest, rbee: RbeeHome, tmp_path: Path) -> Iterator[Terminal]:
    """A shell with the completion script loaded, in a folder with one file, beside a catalog."""
    name: str = request.param
    path = shutil.which(name)
    assert path, f"{name} is not installed: .ci/run installs it"
    catalog(rbee, "stories", "ollama:llama3.2", "x$(touch hurt)")
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "weights.gguf").touch()
    script = tmp_path / f"rbee.{name}"
    script.write_text(rbee("--show-completion", name).stdout)
    flags, define = SHELLS[name]
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = clean_env({**rbee.environment, "PATH": programs, "TERM": "dumb", "LC_ALL": "C.UTF-8"})
    shell = Terminal([path, *flags], env, folder)
    try:
        shell.type(f"{define}\r", r"()\n")
        shell.type(f"source {script}; echo rea''dy\r", r"\n?(ready)\r")
        yield shell
    finally:
        shell.close()


def test_a_tab_completes(terminal: Terminal) -> None:
    ran = r"<RAN>([^\r\n]*)\r"
    assert terminal.type("rbee models show sto\t\r", ran) == "<models><show><stories>"
    assert terminal.type("rbee models show ollama:ll\t\r", ran) == "<models><show><ollama:llama3.2>"
    assert terminal.type("rbee models show oll\t\r", ran) == "<models><show><ollama:llama3.2>"
    assert terminal.type("rbee plan stories --backend=cp\t\r", ran) == "<plan><stories><--backend=cpu>"
    assert terminal.type("rbee plan stories --backend cp\tx\r", ran) == "<plan><stories><--backend><cpu><x>"
    assert terminal.type("rbee models resolve dem\tstories\r", ran) == "<models><resolve><demo:stories>"
    assert terminal.type("rbee models resolve ./wei\t\r", ran) == "<models><resolve><./weights.gguf>"


def test_what_a_catalog_holds_is_not_run(terminal: Terminal) -> None:
    assert terminal.type("rbee models show x\t\r", r"<RAN>([^\r\n]*)\r") == "<models><show><x$(touch hurt)>"
    assert not Path(f"/proc/{terminal.process.pid}/cwd/hurt").exists()
