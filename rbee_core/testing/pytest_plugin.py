"""The pytest plugin: every environment that has ``rbee-core`` has these fixtures, without a line in a ``conftest.py``.

pytest loads it in every project of such an environment, so it imports next to nothing, and does nothing unasked: what a
fixture needs is imported when a test uses it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .cli import RbeeHome
    from .fake_hardware import FakeHardware
    from .file_server import FileServer
    from .sandbox import PluginSandbox

# Their asserts are an author's to read: pytest shows the values in them.
pytest.register_assert_rewrite(
    *(
        f"{__package__}.{name}"
        for name in (
            "backend_contract",
            "command_contract",
            "drive_worker",
            "faults.matrix",
            "plugin_contract",
            "plugin_process",
            "vendor_contract",
            "worker_contract",
        )
    )
)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark that the fault matrix carries, for projects with ``--strict-markers``."""
    config.addinivalue_line("markers", "slow: takes more than a few seconds, as rbee's matrix of faults does")


@pytest.fixture
def rbee(tmp_path: Path) -> Iterator[RbeeHome]:
    """An rbee with an empty home; call it to run a command. What `RbeeHome.start` left running ends with the test."""
    from . import orphans
    from .cli import RbeeHome

    home = RbeeHome(tmp_path / "rbee-home")
    home.path.mkdir()
    before = orphans.count()
    yield home
    orphans.end_since(before)


@pytest.fixture
def plugin_sandbox(rbee: RbeeHome, tmp_path: Path) -> Iterator[PluginSandbox]:
    """Plugins of the test's own: rbee sees those, and nothing else that is installed.

    It holds for the commands of ``rbee``, for their child processes, and for this process.
    """
    from .sandbox import PluginSandbox

    with PluginSandbox(tmp_path / "plugins", rbee) as sandbox:
        yield sandbox


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    """An empty web server on this machine, whose pages can be made to fail."""
    from .file_server import FileServer

    with FileServer() as server:
        yield server


@pytest.fixture
def fake_hardware(rbee: RbeeHome) -> Iterator[FakeHardware]:
    """Call it with a machine's name, or with devices: rbee finds them and no others."""
    from .cli import kept
    from .fake_hardware import FakeHardware

    with kept(os.environ), kept(rbee.env):
        yield FakeHardware(os.environ, rbee.env)


# --- workers, which are built once for a whole run --------------------------------------------------------------------


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> RbeeHome:
    """An rbee that every test of the run shares, under pytest-xdist too; `workers.build_once` puts things into it."""
    from .workers import home_of_the_run

    return home_of_the_run(tmp_path_factory)


@pytest.fixture(scope="session")
def built_worker_home(shared_home: RbeeHome) -> RbeeHome:
    """An rbee with ``llm-worker`` built by its CPU backend and ``demo:stories`` in the catalog.

    Shared by every test of the run: look, do not change. `worker_home` is for a test's own.
    """
    from .workers import MODEL, VARIANT, build_once

    build_once(shared_home, VARIANT, MODEL)
    return shared_home


@pytest.fixture
def worker_home(tmp_path: Path, built_worker_home: RbeeHome) -> Iterator[RbeeHome]:
    """A home of a test's own, with the built worker and the model in it; what still runs at its end is stopped."""
    from .workers import home_beside

    with home_beside(built_worker_home, tmp_path / "rbee-home") as home:
        yield home


@pytest.fixture(scope="session")
def worker_python(built_worker_home: RbeeHome) -> Path:
    """The interpreter of the built worker's environment."""
    from .workers import VARIANT, environment_python

    return environment_python(built_worker_home, VARIANT)


@pytest.fixture(scope="session")
def demo_model(built_worker_home: RbeeHome) -> Path:
    """The demo model's GGUF file."""
    from .workers import MODEL, model_path

    return model_path(built_worker_home, MODEL)
