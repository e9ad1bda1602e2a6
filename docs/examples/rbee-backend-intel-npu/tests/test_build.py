"""The command line on a machine with an NPU: it is listed, planned with, and built for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.trees import unpack

LUNAR_LAKE = (Path(__file__).parent / "machines/lunar-lake.tree").read_text()
LIBRARY = "usr/lib/x86_64-linux-gnu/libze_intel_npu.so.1"

WORKER = """
schema = 1

[worker]
id = "echo"
name = "Echo"
description = "Serves the model's files"
license = "MIT"
version = "1.0"

[build]
system = "pip"
features = ["intel-npu"]
default_feature = "intel-npu"

[build.pip]
requirements = []

[backend.intel-npu]
env = { ECHO_DEVICE = "NPU" }

[run]
entry = ["{python}", "-m", "http.server", "--directory", "{model}", "{port}"]
check = ["{python}", "-c", "import http.server"]

[capabilities]
supported_formats = ["gguf"]
"""


@pytest.fixture
def npu(rbee: RbeeHome, tmp_path: Path) -> Path:
    """The machine's root; there is a worker for its NPU."""
    rbee.env |= {
        "RBEE_NPU_ROOT": str(unpack(LUNAR_LAKE, tmp_path / "machine")),
        "RBEE_WORKERS_PATH": str(tmp_path),
    }
    (tmp_path / "echo").mkdir()
    (tmp_path / "echo/worker.toml").write_text(WORKER)
    return tmp_path / "machine"


def test_it_is_listed_beside_the_others(npu: Path, rbee: RbeeHome) -> None:
    hardware = json.loads(rbee("hardware", "--json").stdout)
    assert {"name": "intel-npu", "available": True, "reason": None} in hardware["backends"]
    assert "Intel NPU of Lunar Lake" in [device["name"] for device in hardware["devices"]]


def test_a_plan_counts_with_it(npu: Path, rbee: RbeeHome) -> None:
    done = rbee("plan", "demo:stories", "--backend", "intel-npu", "--json")
    chosen = json.loads(done.stdout)["chosen"]
    assert (chosen["variant"], chosen["device"]) == ("echo-intel-npu", "GPU-0")
    assert chosen["memoryAvailable"] < 24117248 << 10  # what is free, less what is kept for others


def test_a_worker_is_built_for_it(npu: Path, rbee: RbeeHome) -> None:
    done = rbee("workers", "build", "echo-intel-npu", "--json")
    assert done.returncode == 0, done.stderr
    built = json.loads(done.stdout)
    assert built["workerType"] == "intel-npu"
    assert built["provenance"]["environment"] == {"ECHO_DEVICE": "NPU"}


def test_nothing_is_built_for_one_that_cannot_be_used(npu: Path, rbee: RbeeHome) -> None:
    (npu / LIBRARY).unlink()
    done = rbee("workers", "build", "echo-intel-npu", "--json")
    assert done.returncode == 1
    assert "linux-npu-driver" in done.stderr
