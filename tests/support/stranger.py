"""An environment as somebody has who works on a plugin of their own: this rbee, and what they install beside it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import uv

from rbee_core.testing.cli import clean_env

#: Programs that people have on their PATH once these are installed.
_PROGRAMS = {"rbee": "-m rbee_core", "pytest": "-P -m pytest", "mypy": "-m mypy"}


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment that sees the one the tests run in; what is installed into it stays in it."""

    path: Path

    @classmethod
    def make(cls, path: Path, *, pip: bool = False) -> Environment:
        """Make one.

        :param pip: with pip in it, and what builds a distribution, so that pip need not fetch that for each.
        """
        command = [sys.executable, "-m", "venv"] if pip else [uv.find_uv_bin(), "venv", "--quiet"]
        subprocess.run([*command, str(path)], check=True)
        site = next(path.glob("lib/python*/site-packages"))
        seen = [entry for entry in sys.path if entry and not Path(entry).is_relative_to(sys.base_prefix)]
        # Not what pytest put there for the tests.
        (site / "seen.pth").write_text("\n".join(entry for entry in seen if Path(entry).name != "tests"))
        made = cls(path)
        for name, arguments in _PROGRAMS.items():
            program = path / "bin" / name
            program.write_text(f'#!/bin/sh\nexec "{made.python}" {arguments} "$@"\n')
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        if pip:
            made._uv_pip("hatchling", "editables")
        return made

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin/python"

    def variables(self, **more: str) -> dict[str, str]:
        """What its commands see."""
        path = os.pathsep.join([str(self.path / "bin"), sysconfig.get_path("scripts"), os.environ["PATH"]])
        inherited = {key: value for key, value in clean_env().items() if not key.startswith("PYTEST_")}
        return {**inherited, "PATH": path, "VIRTUAL_ENV": str(self.path), **more}

    def install(self, folder: Path) -> None:
        """Build a distribution's wheel and install that; what it requires is here."""
        self._uv_pip("--no-deps", str(folder))

    def run(
        self, *command: str, cwd: Path, env: Mapping[str, str] | None = None, limit: float = 200
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its programs to the end."""
        return subprocess.run(
            command,
            cwd=cwd,
            env=self.variables(**(env or {})),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=limit,
        )

    def _uv_pip(self, *arguments: str) -> None:
        command = [uv.find_uv_bin(), "pip", "install", "-q", "--python", str(self.python), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
