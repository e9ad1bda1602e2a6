"""Engines compiled where they run: from their source, in steps, cancelled with all they started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil  # noqa: TID253
import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.drive_worker import wait_until
from support.sources import source, wheel
from support.terminal import Terminal

from .conftest import Toys, group_of


def worker(toys: Toys, flag: str = "one", extra: str = "") -> Path:
    """A toy worker whose engine is compiled, with a flag."""
    folder = toys.make(requirements='"toy-engine==1.0"')
    text = (folder / "worker.toml").read_text()
    text = text.replace("[run]", f'from_source = ["toy-engine"]\n{extra}\n[run]')
    (folder / "worker.toml").write_text(text + f'\n[backend.cpu.env]\nTOY_FLAG = "{flag}"\n')
    return folder


def offline(links: Path) -> dict[str, str]:
    # uv is told by pip's variable, too.
    return {"UV_FIND_LINKS": "", "PIP_FIND_LINKS": str(links), "RBEE_OFFLINE": "1"}


def build(rbee: RbeeHome, folder: Path, env: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was registered, and the variables that the engine was compiled with."""
    done = rbee("workers", "build", "toy-worker", "--path", str(folder), "--json", env=env)
    assert done.returncode == 0, done.stderr
    binary = json.loads(done.stdout)
    code = "import json, toy_engine; print(json.dumps(toy_engine.ENV))"
    asked = subprocess.run([f"{binary['path']}/bin/python", "-Ic", code], capture_output=True, text=True, check=True)
    return binary, json.loads(asked.stdout)


def log_of(rbee: RbeeHome, binary: dict[str, Any]) -> str:
    return (Path(binary["path"]).parent / "build.log").read_text()


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_an_engine_is_compiled_with_the_recipes_variables_each_time_anew(
    rbee: RbeeHome, toys: Toys, tmp_path: Path, tool: str
) -> None:
    env = offline(source(tmp_path / "links")) | ({"RBEE_NO_UV": "1"} if tool == "pip" else {})
    binary, seen = build(rbee, worker(toys, "one"), env)
    assert seen["TOY_FLAG"] == "one"
    assert int(seen["NPROC"]) == int(seen["MAX_JOBS"]) >= 1
    assert "compiling kernel 1 of 1" in log_of(rbee, binary)
    assert binary["provenance"]["compiled"] == ["toy-engine"]
    assert binary["provenance"]["toolchain"]["compiler"]
    # Its scraps lay beside it, and are gone.
    assert Path(seen["TMPDIR"]).parent == Path(binary["path"]).parent
    assert not Path(seen["TMPDIR"]).exists()
    # The caches of uv and pip would give the wheel that was made with the first flag.
    assert build(rbee, worker(toys, "two"), env)[1]["TOY_FLAG"] == "two"


def test_cancelling_ends_what_the_compiler_started(rbee: RbeeHome, toys: Toys, tmp_path: Path) -> None:
    note = tmp_path / "note"
    env = {**offline(source(tmp_path / "links", endless=True)), "TOY_NOTE": str(note)}
    process = rbee.start("workers", "build", "toy-worker", "--path", str(worker(toys)), env=env)
    wait_until(lambda: note.exists() and note.read_text().isdigit(), 60)
    deep = psutil.Process(int(note.read_text()))
    tools = os.getpgid(deep.pid)
    assert tools != os.getpgid(process.pid)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    wait_until(lambda: not group_of(tools) and not deep.is_running())
    assert not list((rbee.path / "data" / "workers").glob("toy-worker-cpu/*"))


def test_on_a_terminal_the_compilers_last_line_is_shown(rbee: RbeeHome, toys: Toys, tmp_path: Path) -> None:
    env = {**offline(source(tmp_path / "links", endless=True)), "TOY_NOTE": str(tmp_path / "note")}
    with Terminal(rbee, "workers", "build", "toy-worker", "--path", str(worker(toys)), env=env) as terminal:
        terminal.read(until="compiling for ever")
        terminal.process.send_signal(signal.SIGINT)
        seen = terminal.read()
        assert terminal.process.wait(timeout=30) == 130, seen
    assert "DEBUG" not in seen


def test_what_compiling_needs_is_looked_at_before_anything_is_made(rbee: RbeeHome, toys: Toys, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "uv").write_text(f"#!/bin/sh\n: > {tmp_path}/touched\n")
    (programs / "uv").chmod(0o755)
    env = {"PATH": str(programs)}
    done = rbee("workers", "build", "toy-worker", "--path", str(worker(toys)), "--json", env=env)
    assert done.returncode == 1
    error = json.loads(done.stderr)["error"]
    assert error["code"] == "BUILD_FAILED"
    assert "no C++ compiler was found" in error["message"]
    assert not (tmp_path / "touched").exists()
    assert json.loads(rbee("workers", "installed", "--json").stdout)["workers"] == []


def test_what_is_compiled_has_to_be_a_requirement(rbee: RbeeHome, toys: Toys) -> None:
    folder = worker(toys)
    text = (folder / "worker.toml").read_text()
    (folder / "worker.toml").write_text(
        text.replace('from_source = ["toy-engine"]', 'from_source = ["other", "--pre"]')
    )
    (row,) = [
        row
        for row in json.loads(rbee("workers", "list", "--path", str(folder), "--json").stdout)["workers"]
        if row["id"] == "toy_worker" or "toy" in row["id"]
    ]
    assert "'other', which is none of the requirements" in json.dumps(row)
    assert "'--pre'" in json.dumps(row)


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_a_prebuilt_engine_is_taken_from_the_folder_that_the_person_names(
    rbee: RbeeHome, toys: Toys, tmp_path: Path, tool: str
) -> None:
    folder = worker(toys)
    env = offline(source(tmp_path / "links")) | ({"RBEE_NO_UV": "1"} if tool == "pip" else {})
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel(wheels)
    # No compiler is needed, and none is looked for.
    binary, seen = build(rbee, folder, env | {"RBEE_ENGINE_WHEELS": str(wheels)})
    assert seen == {"PREBUILT": True}
    assert "compiling" not in log_of(rbee, binary)
    assert binary["provenance"]["prebuilt"] == ["toy-engine"]
    assert binary["provenance"]["wheels"] == str(wheels)


def test_an_engine_that_is_not_prebuilt_there_is_compiled(rbee: RbeeHome, toys: Toys, tmp_path: Path) -> None:
    env = offline(source(tmp_path / "links"))
    (tmp_path / "wheels").mkdir()
    binary, seen = build(rbee, worker(toys), env | {"RBEE_ENGINE_WHEELS": str(tmp_path / "wheels")})
    assert seen["TOY_FLAG"] == "one"
    assert binary["provenance"]["compiled"] == ["toy-engine"]
