"""Building workers: in environments of their own, once, and leaving nothing behind when it fails."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil  # noqa: TID253
import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.drive_worker import wait_until

from .conftest import Toys, group_of

#: A source distribution whose build never ends: it needs nothing, and writes down which process it is.
SLEEPY = """
import os, time
from pathlib import Path

def build_wheel(*args, **kwargs):
    Path(os.environ["SLEEPY_NOTE"]).write_text(str(os.getpid()))
    print("sleepy is building", flush=True)
    time.sleep(600)

prepare_metadata_for_build_wheel = build_wheel
"""


def build(rbee: RbeeHome, folder: Path, *options: str, env: dict[str, str] | None = None) -> dict[str, Any]:
    done = rbee("workers", "build", "toy-worker", "--path", str(folder), "--json", *options, env=env)
    assert done.returncode == 0, done.stderr
    binary: dict[str, Any] = json.loads(done.stdout)
    return binary


def installed(rbee: RbeeHome) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(rbee("workers", "installed", "--json").stdout)["workers"]
    return rows


def builds(rbee: RbeeHome) -> list[Path]:
    return sorted((rbee.path / "data" / "workers").glob("toy-worker-cpu/*"))


def sleepy(tmp_path: Path) -> str:
    """A requirement that is being built for ever."""
    folder = tmp_path / "sleepy"
    folder.mkdir()
    (folder / "backend.py").write_text(SLEEPY)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "sleepy"\nversion = "1.0"\n'
    )
    return f'"sleepy @ {folder.as_uri()}"'


def test_a_build_is_an_environment_of_its_own_with_its_provenance(rbee: RbeeHome, toys: Toys) -> None:
    binary = build(rbee, toys.make())
    assert (binary["id"], binary["workerType"], binary["version"]) == ("toy-worker-cpu", "cpu", "1.2.3")
    assert binary["status"] == "Available"
    assert binary["size"] > 0
    assert binary["supportedFormats"] == ["gguf"]
    provenance = binary["provenance"]
    assert provenance["recipe"].startswith("sha256:")
    assert provenance["interpreter"] == sys.executable
    assert provenance["backend"].startswith("rbee-backend-cpu ")
    python = Path(binary["path"]) / "bin" / "python"
    asked = subprocess.run(
        [python, "-Ic", "import sys, toy_worker; print(sys.prefix)"], capture_output=True, text=True, check=True
    )
    assert asked.stdout.strip() == binary["path"]
    lacks = subprocess.run([python, "-Ic", "import rbee_core"], capture_output=True, text=True, check=False)
    assert "No module named" in lacks.stderr
    assert installed(rbee) == [binary]


def test_building_the_same_again_does_nothing(rbee: RbeeHome, toys: Toys) -> None:
    folder = toys.make()
    first = build(rbee, folder)
    # Nothing could be run: no uv, no pip, no network.
    assert build(rbee, folder, env={"PATH": "/nonexistent", "RBEE_OFFLINE": "1"}) == first


def test_a_changed_worker_is_built_anew_beside_the_old_one(rbee: RbeeHome, toys: Toys) -> None:
    folder = toys.make()
    first = build(rbee, folder)
    (folder / "more.py").write_text("x = 1")
    second = build(rbee, folder)
    assert second["path"] != first["path"]
    assert Path(first["path"]).is_dir()
    assert installed(rbee) == [second]


def test_force_replaces_the_build_only_when_the_new_one_works(rbee: RbeeHome, toys: Toys) -> None:
    folder = toys.make()
    first = build(rbee, folder)
    second = build(rbee, folder, "--force")
    assert second["path"] != first["path"]
    assert builds(rbee) == [Path(second["path"]).parent]
    failed = rbee("workers", "build", "toy-worker", "--path", str(folder), "--force", env=_broken_uv(rbee))
    assert failed.returncode == 1
    assert installed(rbee) == [second]


def _broken_uv(rbee: RbeeHome) -> dict[str, str]:
    """An environment whose uv does nothing but fail."""
    programs = rbee.path / "bin"
    programs.mkdir()
    (programs / "uv").write_text("#!/bin/sh\necho this uv is broken\nexit 3\n")
    (programs / "uv").chmod(0o755)
    return {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


def test_a_failed_build_registers_nothing_and_names_its_log(rbee: RbeeHome, toys: Toys) -> None:
    folder = toys.make(requirements="\"rbee-no-such-package==99; python_version > '3'\"")
    done = rbee("workers", "build", "toy-worker", "--path", str(folder), "--json", env={"RBEE_OFFLINE": "1"})
    assert done.returncode == 1
    assert done.stdout == ""
    error = json.loads(done.stderr)["error"]
    assert error["code"] == "BUILD_FAILED"
    assert "offline" in error["message"]
    assert "rbee-no-such-package" in error["message"]
    log = Path(error["hint"].partition(": ")[2].splitlines()[0])
    assert "rbee-no-such-package" in log.read_text()
    assert installed(rbee) == []
    assert builds(rbee) == []


def test_a_worker_whose_own_check_fails_is_not_registered(rbee: RbeeHome, toys: Toys) -> None:
    folder = toys.make()
    (folder / "__init__.py").write_text("raise ImportError('libfast.so.1 is missing')")
    done = rbee("workers", "build", "toy-worker", "--path", str(folder), "--json")
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, error["code"]) == (1, "BUILD_FAILED")
    assert "libfast.so.1 is missing" in error["message"]
    assert installed(rbee) == []


def test_without_uv_it_is_built_with_venv_and_pip(rbee: RbeeHome, toys: Toys) -> None:
    binary = build(rbee, toys.make(), env={"RBEE_NO_UV": "1"})
    assert binary["provenance"]["installer"] == "pip"
    assert "pip" in binary["provenance"]["installed"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_cancelling_a_build_leaves_no_process_and_no_worker(
    rbee: RbeeHome, toys: Toys, tmp_path: Path, number: int, status: int
) -> None:
    folder, note = toys.make(requirements=sleepy(tmp_path)), tmp_path / "note"
    process = rbee.start("workers", "build", "toy-worker", "--path", str(folder), env={"SLEEPY_NOTE": str(note)})
    wait_until(note.exists, 60)
    wait_until(lambda: note.read_text().isdigit())
    deep = psutil.Process(int(note.read_text()))
    tools = os.getpgid(deep.pid)
    assert tools != process.pid
    process.send_signal(number)
    output = process.communicate(timeout=30)
    assert process.returncode == status, output
    wait_until(lambda: not group_of(tools))
    assert installed(rbee) == []
    assert builds(rbee) == []


def test_what_a_killed_build_left_is_removed_by_the_next(rbee: RbeeHome, toys: Toys, tmp_path: Path) -> None:
    note = tmp_path / "note"
    folder = toys.make(requirements=sleepy(tmp_path))
    process = rbee.start("workers", "build", "toy-worker", "--path", str(folder), env={"SLEEPY_NOTE": str(note)})
    wait_until(lambda: note.exists() and note.read_text().isdigit(), 60)
    tools = os.getpgid(int(note.read_text()))
    process.kill()
    process.communicate()
    os.killpg(tools, signal.SIGKILL)
    (left,) = builds(rbee)
    assert installed(rbee) == []
    shutil.rmtree(folder)
    binary = build(rbee, toys.make())
    assert builds(rbee) == [Path(binary["path"]).parent]
    assert left not in builds(rbee)


def test_processes_that_want_the_same_worker_share_one_build(rbee: RbeeHome, toys: Toys) -> None:
    folder = toys.make()
    processes = [rbee.start("workers", "build", "toy-worker", "--path", str(folder), "--json") for _ in range(3)]
    results = []
    for process in processes:
        output, errors = process.communicate(timeout=90)
        assert process.returncode == 0, errors
        results.append(json.loads(output))
    assert results[0] == results[1] == results[2]
    assert len(builds(rbee)) == 1


def test_rm_removes_builds_and_leftovers(rbee: RbeeHome, toys: Toys) -> None:
    binary = build(rbee, toys.make())
    (builds(rbee)[0].parent / "leftover").mkdir()
    done = rbee("workers", "rm", "toy-worker-cpu", "--json")
    assert done.returncode == 0, done.stderr
    assert not Path(binary["path"]).exists()
    assert installed(rbee) == []
    assert builds(rbee) == []


def test_a_broken_note_is_as_good_as_no_build(rbee: RbeeHome, toys: Toys) -> None:
    folder = toys.make()
    binary = build(rbee, folder)
    for text in ("", "{", "[]", '{"id": "toy-worker-cpu"}'):
        (Path(binary["path"]).parent / "worker.json").write_text(text)
        assert installed(rbee) == []
    build(rbee, folder)
    assert len(installed(rbee)) == 1


@pytest.mark.slow
def test_the_real_worker_is_built_with_versions_noted(built_worker_home: RbeeHome) -> None:
    (binary,) = [row for row in installed(built_worker_home) if row["id"] == "llm-worker-cpu"]
    wanted = [r for r in binary["provenance"]["requirements"] if r.startswith("xllamacpp==")]
    assert binary["provenance"]["installed"]["xllamacpp"] == wanted[0].removeprefix("xllamacpp==")
    assert binary["supportedFormats"] == ["gguf"]
    assert "rbee-core" not in binary["provenance"]["installed"]
