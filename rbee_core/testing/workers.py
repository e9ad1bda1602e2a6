"""A home in which the real worker is built and the demo model downloaded, once for a whole test run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from .cli import RbeeHome

pytest.register_assert_rewrite("rbee_core.testing.worker_contract")

#: The model that the tests run, and the worker's variant that runs it.
MODEL, VARIANT = "demo:stories", "llm-worker-cpu"


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> RbeeHome:
    """An rbee that every test of the run shares, under pytest-xdist too; `build_once` puts things into it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    # The caches and index settings of uv and pip are the person's own: they lie in the real home.
    return RbeeHome(shared / "built-worker-home", {"HOME": os.environ.get("HOME", str(shared))})


def build_once(home: RbeeHome, variant: str, *models: str) -> None:
    """Build a variant and download models into a shared home, unless another test has done so."""
    home.path.mkdir(exist_ok=True)
    for command in (["workers", "build", variant], *(["models", "download", model] for model in models)):
        done_before = home.path / f"done-{'-'.join(command).replace(':', '-')}"
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


@pytest.fixture(scope="session")
def built_worker_home(shared_home: RbeeHome) -> RbeeHome:
    """An rbee with ``llm-worker`` built by its CPU backend and ``demo:stories`` in the catalog.

    Shared by every test of the run: look, do not change. `worker_home` is for a test's own.
    """
    build_once(shared_home, VARIANT, MODEL)
    return shared_home


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
    return environment_python(built_worker_home, VARIANT)


@pytest.fixture(scope="session")
def demo_model(built_worker_home: RbeeHome) -> Path:
    """The demo model's GGUF file."""
    done = built_worker_home("models", "show", MODEL, "--json")
    return Path(json.loads(done.stdout)["path"])
