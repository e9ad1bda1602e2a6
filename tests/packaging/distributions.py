"""Every distribution of this repository, built as it is published: its sdist first, and the wheel from that."""

from __future__ import annotations

import subprocess
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shutil import copyfile
from typing import Any

import uv
from packaging.metadata import Metadata

from rbee_core.testing.cli import clean_env

ROOT = Path(__file__).resolve().parents[2]
#: A library without entry points, which workers bring along: nobody asks for it by name.
LIBRARY = "rbee-worker-kit"


@dataclass(frozen=True)
class Distribution:
    """One of them: its folder in the checkout, and what was built from it."""

    name: str
    folder: Path
    wheel: Path
    sdist: Path

    @property
    def package(self) -> str:
        """The name it is imported by."""
        return self.name.replace("-", "_")

    @cached_property
    def project(self) -> dict[str, Any]:
        """The ``project`` table of its pyproject.toml."""
        table: dict[str, Any] = tomllib.loads((self.folder / "pyproject.toml").read_text(encoding="utf-8"))
        return table["project"]

    @cached_property
    def files(self) -> dict[str, bytes]:
        """What is in the wheel."""
        with zipfile.ZipFile(self.wheel) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    @cached_property
    def sdist_names(self) -> set[str]:
        """The files of the sdist, below the one folder that it holds."""
        with tarfile.open(self.sdist) as archive:
            return {member.name.split("/", 1)[1] for member in archive if member.isfile()}

    @property
    def info(self) -> str:
        """The folder of the wheel that says what it is."""
        return f"{self.wheel.name.split('-py3')[0]}.dist-info"

    def metadata(self) -> Metadata:
        """The wheel's METADATA, with every field checked.

        :raises ExceptionGroup: a field is missing or wrong.
        """
        return Metadata.from_email(self.files[f"{self.info}/METADATA"], validate=True)


def copy_checkout(to: Path) -> Path:
    """The checkout as a clone would be: what git has, or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            copyfile(ROOT / name, to / name)
    return to


def build(root: Path, out: Path, *names: str) -> None:
    """Build the named distributions of a checkout, or all of them, each without the others at hand."""
    for which in [["--package", name] for name in names] or [["--all-packages"]]:
        done = subprocess.run(
            [uv.find_uv_bin(), "build", "-q", "--no-sources", "--sdist", "--wheel", *which, "-o", str(out), str(root)],
            env=clean_env(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def read(root: Path, out: Path) -> dict[str, Distribution]:
    """What was built from a checkout into a folder, by name."""
    found = {}
    for folder in [root, *sorted(path.parent for path in (root / "plugins").glob("*/pyproject.toml"))]:
        name = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]
        file = name.replace("-", "_")
        wheels, sdists = list(out.glob(f"{file}-[0-9]*.whl")), list(out.glob(f"{file}-[0-9]*.tar.gz"))
        if wheels:
            (wheel,), (sdist,) = wheels, sdists
            found[name] = Distribution(name, folder, wheel, sdist)
    return found
