"""``rbee run`` does what the plan says, in the order that loses least: plan, build, download, start."""

from __future__ import annotations

import json
from pathlib import Path

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.hub import FakeHub
from rbee_core.testing.machines import load

from .models import make_model
from .test_remote import holed

pytest_plugins = ["rbee_core.testing.hub.fixtures"]

WORKER = """
schema = 1
[worker]
id = "my-worker"
name = "Mine"
description = "Cannot be built for GPUs"
license = "MIT"
version = "1"
[build]
system = "pip"
features = ["cpu", "cuda"]
default_feature = "cpu"
[build.pip]
requirements = []
[backend.cuda.pip]
requirements = ["there-is-no-such-distribution==99"]
[run]
entry = ["{python}", "--model", "{model}", "--port", "{port}"]
[capabilities]
supported_formats = ["gguf"]
engine = "llama.cpp"
"""


def test_a_worker_that_cannot_be_built_is_told_before_the_download_with_a_way_out(
    hub: FakeHub, shelf: Path, tmp_path: Path, rbee: RbeeHome
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "worker.toml").write_text(WORKER)
    hub.repo("org/m", {"m-Q8_0.gguf": holed(make_model(shelf, "8B"))})
    gpu = {
        name: value for name, value in load("rtx4090").env().items() if name in ("RBEE_FORCE_CUDA", "RBEE_FORCE_CPU")
    }
    env = {**hub.env(), **gpu, "PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}
    done = rbee("run", "org/m", "hello", "--json", "--path", str(folder), env=env)
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, error["code"]) == (1, "BUILD_FAILED"), done.stderr
    assert "there-is-no-such-distribution" in error["message"]
    assert error["hint"].endswith("Or run the model without it: --backend cpu")
    assert json.loads(rbee("models", "catalog", "--json").stdout)["models"] == []
    assert json.loads(rbee("workers", "installed", "--json").stdout)["workers"] == []
