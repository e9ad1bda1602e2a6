"""A home in which the real worker is built and the demo model downloaded, once for a whole test run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from .cli import RbeeHome

#: The model that the tests run, and the worker's variant that runs it.
MODEL, VARIANT = "demo:stories", "llm-worker-cpu"


@pytest.fixture(scope="session")
def built_worker_home(tmp_path_factory: pytest.TempPathFactory) -> RbeeHome:
    """An rbee with ``llm-worker`` built by its CPU backend and ``demo:stories`` in the catalog.

    Shared by every test of the run, under pytest-xdist too: look, do not change. `worker_home` is for a test's own.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    # The caches and index settings of uv and pip are the person's own: they lie in the real home.
    home = RbeeHome(shared / "built-worker-home", {"HOME": os.environ.get("HOME", str(shared))})
    with FileLock(shared / "built-worker-home.lock"):
        if not (home.path / "built").exists():
            home.path.mkdir(exist_ok=True)
            for command in (["workers", "build", VARIANT, "--json"], ["models", "download", MODEL, "--json"]):
                done = home(*command, timeout=600)
                assert done.returncode == 0, done.stderr
            (home.path / "built").touch()
    return home


@pytest.fixture
def worker_home(tmp_path: Path, built_worker_home: RbeeHome) -> Iterator[RbeeHome]:
    """A home of a test's own, with the built worker and the model in it; what still runs at its end is stopped."""
    home = RbeeHome(tmp_path / "rbee-home", dict(built_worker_home.env))
    home.path.mkdir()
    for folder in ("data", "models"):
        (home.path / folder).symlink_to(built_worker_home.path / folder, target_is_directory=True)
    yield home
    home("stop", "--all")


@pytest.fixture(scope="session")
def worker_python(built_worker_home: RbeeHome) -> Path:
    """The interpreter of the built worker's environment."""
    done = built_worker_home("workers", "installed", "--json")
    (worker,) = [row for row in json.loads(done.stdout)["workers"] if row["id"] == VARIANT]
    folder = Path(worker["path"])
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


@pytest.fixture(scope="session")
def demo_model(built_worker_home: RbeeHome) -> Path:
    """The demo model's GGUF file."""
    done = built_worker_home("models", "show", MODEL, "--json")
    return Path(json.loads(done.stdout)["path"])
