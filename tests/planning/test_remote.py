"""Plans for models that are elsewhere: their headers are read where they are, and no byte of their weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.dists import PluginFolder
from rbee_core.testing.machines import load
from rbee_core.testing.servers.web import WebServer
from support.hub import FakeHub

from .models import Holed, make_model

#: Longer than the header of any model here.
HEADER = 2 << 20


def holed(path: Path, share: float = 1.0) -> Holed:
    """A model's file as a server has it."""
    with path.open("rb") as file:
        return Holed(file.read(HEADER), int(path.stat().st_size * share))


def fetched(hub: FakeHub) -> int:
    """Bytes of files that the hub was asked for; every request has to say which."""
    total = 0
    asked = [seen for seen in hub.seen() if not seen.path.startswith("/api/")]
    assert asked
    for seen in asked:
        first, _, last = seen.headers["range"].removeprefix("bytes=").partition("-")
        total += int(last) - int(first) + 1
    return total


@pytest.fixture
def repository(hub: FakeHub, shelf: Path) -> dict[str, str]:
    """A repository with a 70B model in several quantizations, and the environment to reach it."""
    model = make_model(shelf, "70B")
    files = {
        "m-Q4_K_M.gguf": 1.0,
        "m-Q8_0.gguf": 1.76,
        "m-Q3_K_M.gguf": 0.81,
        "m-IQ2_XS.gguf": 0.5,
        "m-IQ1_M.gguf": 0.39,
    }
    hub.repo("org/big", {name: holed(model, share) for name, share in files.items()})
    return hub.env()


def test_the_plan_of_a_repository_reads_headers_alone(repository: dict[str, str], hub: FakeHub, rbee: RbeeHome) -> None:
    env = {**repository, **load("rtx4090").env()}
    done = rbee("plan", "org/big", "--json", env=env)
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["model"] == "hf:org/big"
    assert plan["shape"]["exact"]
    assert plan["shape"]["layers"] == 80
    assert (plan["chosen"]["variant"], plan["chosen"]["device"]) == ("llm-worker-cuda", "GPU-0")
    assert 0 < plan["chosen"]["gpuLayers"] < 81
    assert plan["download"] > plan["shape"]["size"] > 39e9
    assert plan["advice"][0]["option"] == "hf:org/big:IQ2_XS"
    assert fetched(hub) < 4 << 20
    assert not (rbee.models / "models").exists()
    assert json.loads(rbee("models", "catalog", "--json").stdout)["models"] == []


@pytest.mark.parametrize("command", ["run", "serve"])
def test_what_does_not_fit_is_not_downloaded(
    command: str, repository: dict[str, str], hub: FakeHub, rbee: RbeeHome
) -> None:
    small = [{"name": "Small", "memoryTotal": 8_000_000_000, "memoryFree": 7_000_000_000, "architecture": "x86_64"}]
    env = {**repository, "RBEE_FORCE_CPU": json.dumps(small), "RBEE_FORCE_CUDA": "[]", "RBEE_FORCE_ROCM": "[]"}
    done = rbee(command, "org/big", *(["hello"] if command == "run" else []), "--json", env=env)
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, error["code"], done.stdout) == (1, "INSUFFICIENT_RAM", "")
    assert "hf:org/big needs" in error["message"]
    assert "hf:org/big:IQ1_M" in error["hint"]
    assert fetched(hub) < 4 << 20
    assert json.loads(rbee("models", "catalog", "--json").stdout)["models"] == []


def test_a_file_on_the_web_is_read_as_far_as_its_header(web: WebServer, shelf: Path, rbee: RbeeHome) -> None:
    model = make_model(shelf, "8B")
    url = web.page("/8B-Q8_0.gguf", holed(model))
    done = rbee("plan", url, "--json", env=load("rtx4090").env())
    plan = json.loads(done.stdout)
    assert plan["shape"]["exact"], done.stderr
    assert plan["chosen"]["gpuLayers"] == plan["chosen"]["layers"] == 33
    ranges = [asked.headers.get("range", "") for asked in web.asked("/8B-Q8_0.gguf")]
    assert ranges
    assert all(ranges)


def test_a_damaged_header_is_told_and_the_size_is_what_counts(web: WebServer, rbee: RbeeHome) -> None:
    url = web.page("/m.gguf", Holed(b"GGUF\x03\x00\x00\x00" + b"\xff" * 64, 5_000_000_000))
    plan = json.loads(rbee("plan", url, "--json", env=load("rtx4090").env()).stdout)
    assert plan["chosen"]["device"] == "GPU-0"
    assert plan["chosen"]["memoryRequired"] > 5_000_000_000
    assert not plan["shape"]["exact"]
    assert "could not be read" in " ".join(plan["notes"])
    # Nobody knows how many layers it has: the engine takes all of them.
    assert (plan["chosen"]["gpuLayers"], plan["shape"]["layers"], plan["shape"]["parameters"]) == (None, None, None)


BROKEN_VENDOR = """
    import os
    from rbee_core import hookimpl
    from rbee_core.contracts import ManifestFile, ModelManifest

    class Vendor:
        @hookimpl
        def supports_model(self, ref):
            return True

        @hookimpl
        def resolve_model(self, ref, job):
            more = {"alternatives": [{"ref": "toy:\\x1b[2J", "size": 1}, {"ref": "toy:small", "size": 10**9}, 7]}
            files = [ManifestFile(name="m.gguf", size=9 * 10**11)]
            return ModelManifest(files=files, metadata={} if os.environ["TOY"] == "none" else more)

        @hookimpl
        def download_model(self, ref, dest):
            return 5

        @hookimpl
        def read_model(self, ref, name, start, length):
            if os.environ["TOY"] == "raises":
                raise ZeroDivisionError
            answers = {"none": None, "too much": b"x" * (length + 1), "text": "x", "garbage": b"x" * length}
            return answers[os.environ["TOY"]]
    """


@pytest.mark.parametrize("toy", ["none", "raises", "too much", "text", "garbage"])
def test_a_vendor_that_cannot_or_misbehaves_leaves_the_size(toy: str, tmp_path: Path, rbee: RbeeHome) -> None:
    folder = PluginFolder(tmp_path / "site")
    folder.add("vendor", "toy", BROKEN_VENDOR)
    env = {**load("rtx4090").env(), "PYTHONPATH": str(folder.path), "TOY": toy}
    done = rbee("plan", "toy:model", "--json", env=env)
    plan, error = json.loads(done.stdout), json.loads(done.stderr)["error"]
    assert (done.returncode, plan["chosen"], plan["shape"]["exact"]) == (1, None, False)
    assert error["code"] in ("INSUFFICIENT_RAM", "INSUFFICIENT_VRAM")
    assert ("toy:small" in error["hint"]) == (toy != "none")
    assert "\x1b" not in done.stdout + done.stderr


def test_a_model_that_is_not_there_is_an_error(hub: FakeHub, rbee: RbeeHome) -> None:
    done = rbee("plan", "org/nothing", "--json", env=hub.env())
    assert done.returncode == 1
    assert done.stdout == ""
    assert json.loads(done.stderr)["error"]["code"] in ("MODEL_NOT_FOUND", "AUTH_REQUIRED")


def test_offline_no_packet_leaves(hub: FakeHub, repository: dict[str, str], rbee: RbeeHome) -> None:
    done = rbee("plan", "org/big", "--json", "--offline", env=repository)
    assert (done.returncode, json.loads(done.stderr)["error"]["code"]) == (1, "DOWNLOAD_FAILED")
    assert not hub.requests
