"""An empty environment as `python -m venv` makes it, a folder of wheels, and pip between the two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any

from packaging.utils import parse_wheel_filename

from rbee_core.testing.cli import clean_env

from .distributions import ROOT

#: Left out where nothing but the folder of wheels is to count.
_OTHER_SOURCES = ("PIP_", "UV_", "VIRTUAL_ENV")


@dataclass(frozen=True)
class Place:
    """All of it is under one folder.

    The environment sees no other Python, no uv, and no package that is not in the folder of wheels.
    """

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Place:
        """Make an environment with pip and nothing else in it, and an empty folder of wheels."""
        place = cls(folder)
        subprocess.run([sys.executable, "-m", "venv", str(folder / "env")], check=True)
        for each in (place.house, place.home):
            each.mkdir()
        return place

    @property
    def house(self) -> Path:
        """The folder of wheels."""
        return self.folder / "house"

    @property
    def home(self) -> Path:
        """The person's home."""
        return self.folder / "home"

    @property
    def bin(self) -> Path:
        """Where the environment has its programs."""
        return self.folder / "env" / ("Scripts" if os.name == "nt" else "bin")

    def files(self) -> set[str]:
        """The files of the environment."""
        root = self.folder / "env"
        return {path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir()}

    def put(self, wheels: Iterable[Path]) -> None:
        """Copy wheels into the folder of wheels."""
        for wheel in wheels:
            copyfile(wheel, self.house / wheel.name)

    def fetch(self, *requirements: str) -> None:
        """Fetch wheels, with those that they require, in the versions that this checkout is tested with.

        From wherever this machine's own settings say, but for what is here already; every later step does without.
        """
        here = self.folder / "here.txt"
        named = [parse_wheel_filename(wheel.name) for wheel in self.house.glob("*.whl")]
        here.write_text("".join(f"{name}=={version}\n" for name, version, *_ in named), encoding="utf-8")
        options = ["--only-binary", ":all:", "-c", str(here), "-c", str(ROOT / "constraints.txt")]
        options += ["--find-links", str(self.house), "-d", str(self.house)]
        self._run("python", "-m", "pip", "download", "-q", *options, *requirements, env=clean_env())

    def pip(self, command: str, *arguments: str) -> str:
        """Run pip, which knows the folder of wheels and nothing else: its standard output."""
        options = {"install": ["-q", "--no-compile"], "uninstall": ["-q", "--yes"]}.get(command, [])
        return self._run("python", "-m", "pip", command, *options, *arguments, env=self.env).stdout

    def versions(self) -> dict[str, str]:
        """What is installed beside pip itself."""
        listed = json.loads(self.pip("list", "--format", "json"))
        return {row["name"].lower().replace("_", "-"): row["version"] for row in listed if row["name"] not in _OWN}

    def rbee(self, *arguments: str, status: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the command that was installed."""
        return self._run("rbee", *arguments, env={**self.env, **env}, status=status)

    def json(self, *arguments: str, status: int = 0, **env: str) -> Any:
        """Run the command that was installed, with ``--json``: what it prints."""
        return json.loads(self.rbee(*arguments, "--json", status=status, **env).stdout)

    @property
    def env(self) -> dict[str, str]:
        """The variables of a person who has this environment, its folder of wheels, and no settings."""
        kept = {name: value for name, value in clean_env().items() if not name.startswith(_OTHER_SOURCES)}
        return kept | {
            "PATH": os.pathsep.join([str(self.bin), os.defpath]),
            "HOME": str(self.home),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.house),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def _run(
        self, program: str, *arguments: str, env: Mapping[str, str], status: int = 0
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(self.bin / program), *arguments],
            env=env,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, f"{program} {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done


#: What `python -m venv` puts there.
_OWN = ("pip", "setuptools")
