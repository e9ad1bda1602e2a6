"""Engines that their publisher offers prebuilt, on an index that the engine's own description names."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.servers.web import WebServer
from support.sources import source, wheel

from .conftest import Driver
from .test_build import forced, toolkit, worker

#: Two indexes: one for drivers newer than any here, one for the RTX 4090 of the tests.
PREBUILT = """
from_source = ["toy-engine"]
[[build.pip.prebuilt]]
index = "cu199"
requires = ["nvidia :: cuda_version_lower_bound :: 19.9"]
[[build.pip.prebuilt]]
index = "cu124"
requires = ["nvidia :: cuda_version_lower_bound :: 12.0", "nvidia :: sm_arch :: 89_real"]
"""
DESCRIPTION = """
## Installation
- CUDA 19.9: `pip install toy-engine --force-reinstall --index-url {url}/whl/cu199`
- CUDA 12.4:
  ```sh
  pip install toy-engine --force-reinstall --index-url {url}/whl/cu124
  ```
"""


@dataclass
class Indexes:
    """The person's own index, with the source and a wheel for CPUs, and the publisher's, with one for CUDA."""

    server: WebServer
    folder: Path

    def offer(self, index: str, flavour: str) -> None:
        """Put a wheel on one of the publisher's indexes."""
        self._list(f"/whl/{index}", wheel(self.folder / index, flavour=flavour))

    def _list(self, index: str, *files: Path) -> None:
        links = "".join(f'<a href="{index}/{file.name}">{file.name}</a>\n' for file in files)
        self.server.page(f"{index}/toy-engine/", links.encode(), headers={"Content-Type": "text/html"})
        for file in files:
            self.server.page(f"{index}/{file.name}", file.read_bytes())

    def env(self) -> dict[str, str]:
        """The settings of a person who has uv's file name the index, and variables for pip."""
        self.folder.mkdir(exist_ok=True)
        links = source(self.folder / "source")
        description = DESCRIPTION.format(url=self.server.url)
        cpu = wheel(self.folder / "cpu", flavour="CPU", description=description)
        self._list("/simple", links / "toy_engine-1.0.tar.gz", cpu)
        config = self.folder / "uv.toml"
        config.write_text(f'[[index]]\nname = "mine"\nurl = "{self.server.url}/simple"\n')
        uv = {"UV_CONFIG_FILE": str(config), "UV_DEFAULT_INDEX": f"{self.server.url}/none", "UV_FIND_LINKS": ""}
        pip = {"PIP_INDEX_URL": f"{self.server.url}/simple", "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": ""}
        quick = {"UV_CACHE_DIR": str(self.folder / "cache"), "UV_HTTP_RETRIES": "0", "PIP_RETRIES": "0"}
        return {**uv, **pip, **quick, "RBEE_OFFLINE": ""}

    def asked(self, index: str) -> bool:
        """Whether anybody asked one of the publisher's indexes."""
        return bool(self.server.asked(f"/whl/{index}/toy-engine/"))


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Indexes]:
    with WebServer() as server:
        yield Indexes(server, tmp_path / "indexes")


def build(
    rbee: RbeeHome, folder: Path, machine: str, env: dict[str, str], **more: str
) -> subprocess.CompletedProcess[str]:
    env = {**forced(machine), **env, **more}
    return rbee("workers", "build", "toy-worker", "--path", str(folder), env=env)


def built(rbee: RbeeHome) -> tuple[dict[str, Any], dict[str, Any]]:
    """The provenance of what was registered, and what its engine says of itself."""
    (binary,) = json.loads(rbee("workers", "installed", "--json").stdout)["workers"]
    code = "import json, toy_engine; print(json.dumps(toy_engine.ENV))"
    asked = subprocess.run([f"{binary['path']}/bin/python", "-Ic", code], capture_output=True, text=True, check=True)
    assert not list(Path(binary["path"]).parent.glob("described*"))
    return binary["provenance"], json.loads(asked.stdout)


@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_a_prebuilt_engine_is_taken_from_where_its_description_says(
    rbee: RbeeHome, tmp_path: Path, indexes: Indexes, tool: str
) -> None:
    folder = worker(tmp_path / "toy", "toy-engine==1.0", PREBUILT)
    env = indexes.env() | ({"RBEE_NO_UV": "1"} if tool == "pip" else {})
    indexes.offer("cu124", "CUDA 12.4")
    # There is no toolkit, and none is asked for: neither by the plan nor by the build.
    done = build(rbee, folder, "rtx4090", env, CUDA_PATH=str(tmp_path / "none"))
    assert done.returncode == 0, done.stderr
    facts, seen = built(rbee)
    assert seen == {"CUDA 12.4": True}
    place = f"{indexes.server.url}/whl/cu124"
    assert f"prebuilt on {place}, which its own description (1.0) names" in done.stderr
    assert (facts["prebuilt"], facts["wheels"], facts["describedBy"]) == (["toy-engine"], place, "toy-engine 1.0")
    assert facts["record"].startswith("sha256:")
    assert "compiled" not in facts
    assert not indexes.asked("cu199")  # no driver here runs that


def test_what_the_publisher_does_not_have_is_compiled(rbee: RbeeHome, tmp_path: Path, indexes: Indexes) -> None:
    folder = worker(tmp_path / "toy", "toy-engine==1.0", PREBUILT)
    env = indexes.env()
    # The wheel for CPUs, which the person's own index has, is not taken for one that was missing.
    done = build(rbee, folder, "rtx4090", env | toolkit(tmp_path / "cuda", "12.4"))
    assert built(rbee)[1]["CUDA_ARCHITECTURES"] == "89"
    assert indexes.asked("cu124")
    assert f"toy-engine is compiled: {indexes.server.url}/whl/cu124 has none that fits here" in done.stderr
    # Where it cannot be compiled either, both are told; so is that an index fails.
    indexes.server.page("/whl/cu124/toy-engine/", status=500)
    env |= toolkit(tmp_path / "less", "12.4", cublas=False)
    done = build(rbee, folder, "rtx4090", env | {"RBEE_HOME": str(tmp_path / "other")})
    assert done.returncode == 1
    why = f"Nor was it found prebuilt: {indexes.server.url}/whl/cu124 cannot be reached."
    for words in ("lacks cuBLAS", why, "(BUILD_FAILED)"):
        assert words in done.stderr


@pytest.mark.parametrize(
    ("machine", "more"),
    [
        ("2x-rtx3090", {}),  # another GPU than the wheels are for
        ("rtx4090", {"RBEE_ENGINE_WHEELS": "off"}),
        ("rtx4090", {"CUDA_ARCHITECTURES": "89"}),  # who names them wants code for just these
    ],
)
def test_where_none_fits_or_none_is_wanted_no_index_is_asked(
    rbee: RbeeHome, tmp_path: Path, indexes: Indexes, machine: str, more: dict[str, str]
) -> None:
    folder = worker(tmp_path / "toy", "toy-engine==1.0", PREBUILT)
    indexes.offer("cu124", "CUDA 12.4")
    env = indexes.env() | toolkit(tmp_path / "cuda", "12.4")
    done = build(rbee, folder, machine, env, **more)
    assert built(rbee)[1]["CUDA_ARCHITECTURES"] in ("86", "89"), done.stderr
    assert not indexes.asked("cu124")


def test_a_worker_for_a_machine_without_its_driver_is_built_and_not_tried(
    rbee: RbeeHome, tmp_path: Path, indexes: Indexes
) -> None:
    folder = worker(tmp_path / "toy", "toy-engine==1.0", PREBUILT)
    text = (folder / "worker.toml").read_text()
    (folder / "worker.toml").write_text(text.replace("import toy_engine", "raise SystemExit('no libcuda.so.1')"))
    indexes.offer("cu124", "CUDA 12.4")
    done = build(rbee, folder, "rtx4090", indexes.env())
    assert done.returncode == 0, done.stderr
    assert "is built, but not tried: it is for the GPU that RBEE_FORCE_CUDA tells of" in done.stderr
    assert "there is no NVIDIA driver here" in built(rbee)[0]["untried"]


def test_a_check_that_fails_tells_why_and_how_to_do_without_what_was_prebuilt(
    rbee: RbeeHome, tmp_path: Path, indexes: Indexes, driver: Driver
) -> None:
    folder = worker(tmp_path / "toy", "toy-engine==1.0", PREBUILT)
    text = (folder / "worker.toml").read_text()
    said = "libcuda.so.1: cannot open shared object file: No such file or directory"
    (folder / "worker.toml").write_text(text.replace("import toy_engine", f"raise ImportError('{said}')"))
    indexes.offer("cu124", "CUDA 12.4")
    # The driver's library is there for whoever asks, so that the worker is tried.
    done = build(rbee, folder, "rtx4090", indexes.env(), LD_LIBRARY_PATH=str(driver.libraries))
    assert done.returncode == 1
    for words in (said, "The cause: there is no NVIDIA driver here", "--gpus all", "RBEE_ENGINE_WHEELS=off"):
        assert words in done.stderr
    assert json.loads(rbee("workers", "installed", "--json").stdout)["workers"] == []
