"""``rbee run`` does what the plan says, in the order that loses least: plan, build, download, start."""

from __future__ import annotations

import json
from pathlib import Path

from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.dists import PluginFolder
from rbee_core.testing.machines import load
from support.hub import FakeHub

from .models import make_model
from .test_remote import holed

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


BACKEND = """
    from rbee_core import ErrorCode, RbeeError, hookimpl
    from rbee_core.contracts import Device

    class Backend:
        @hookimpl
        def detect_hardware(self):
            size = 10**11
            facts = {"name": "Toy", "memory_total": size, "memory_free": size, "architecture": "toy"}
            return [Device(id="GPU-0", backend="{name}", **facts)]

        @hookimpl
        def check_build(self, recipe, variant, dest, devices):
            if not dest.is_dir() or [device.id for device in devices] != ["GPU-0"]:
                raise AssertionError
            raise RbeeError(ErrorCode.BUILD_FAILED, "It cannot be compiled yet:\\n  - no toycc", "Install toycc.")
    """


def test_a_plan_tells_what_lacks_for_the_build(shelf: Path, tmp_path: Path, rbee: RbeeHome) -> None:
    plugins = PluginFolder(tmp_path / "site")
    plugins.add("backend", "toy", BACKEND)
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "worker.toml").write_text(WORKER.replace('["cpu", "cuda"]', '["cpu", "toy"]').replace(".cuda.", ".toy."))
    env = {"PYTHONPATH": str(plugins.path), **{f"RBEE_FORCE_{name}": "[]" for name in ("CUDA", "ROCM", "METAL")}}
    arguments = ("plan", str(make_model(shelf, "8B")), "--json", "--path", str(folder))
    plan = json.loads(rbee(*arguments, env=env).stdout)
    assert plan["chosen"]["variant"] == "my-worker-toy"
    assert plan["notes"][-1] == "my-worker-toy cannot be built: It cannot be compiled yet: no toycc. Install toycc."
    # Of a machine that is only said to be there, nobody can tell.
    toy = [{"name": "Toy", "memoryTotal": 10**11, "memoryFree": 10**11, "architecture": "toy"}]
    plan = json.loads(rbee(*arguments, env={**env, "RBEE_FORCE_TOY": json.dumps(toy)}).stdout)
    assert plan["notes"][-1] == "my-worker-toy has to be built first."


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
