"""Homes in which workers are really built and models downloaded, once for a whole test run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from . import orphans
from .cli import RbeeHome

if TYPE_CHECKING:
    import pytest

#: The model that the tests run, and the worker's variant that runs it.
MODEL, VARIANT = "demo:stories", "llm-worker-cpu"


def home_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> RbeeHome:
    """An rbee that every test of the run shares, under pytest-xdist too."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    # The caches and index settings of uv and pip are the person's own: they lie in the real home.
    return RbeeHome(shared / "built-worker-home", {"HOME": os.environ.get("HOME", str(shared))})


def build_once(home: RbeeHome, variant: str, *models: str) -> None:
    """Build a variant and download models into a shared home, unless another test has done so."""
    home.path.mkdir(exist_ok=True)
    for command in (["workers", "build", variant], *(["models", "download", model] for model in models)):
        done_before = home.path / re.sub(r"\W+", "-", f"done {' '.join(command)}")
        with FileLock(home.path / f"{command[0]}.lock"):
            if not done_before.exists():
                done = home(*command, "--json", timeout=600)
                assert done.returncode == 0, done.stderr
                done_before.touch()


def environment_python(home: RbeeHome, variant: str) -> Path:
    """The interpreter of a built variant's environment."""
    done = home("workers", "installed", "--json")
    (worker,) = [row for row in json.loads(done.stdout)["workers"] if row["id"] == variant]
    return Path(worker["path"]) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@contextmanager
def home_beside(built: RbeeHome, path: Path) -> Iterator[RbeeHome]:
    """A home of its own with the workers and models of another; what still runs at the end is stopped."""
    home = RbeeHome(path, dict(built.env))
    home.path.mkdir()
    for folder in ("data", "models"):
        (home.path / folder).symlink_to(built.path / folder, target_is_directory=True)
    before = orphans.count()
    yield home
    home("stop", "--all")
    orphans.end_since(before)


def model_path(home: RbeeHome, model: str) -> Path:
    """What an engine loads of a model that was downloaded."""
    done = home("models", "show", model, "--json")
    return Path(json.loads(done.stdout)["path"])
