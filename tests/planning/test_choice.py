"""What is chosen, and why the rest is not: constraints, reasons, order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rbee_core.config import Config
from rbee_core.contracts import ModelEntry
from rbee_core.errors import RbeeError, UsageError
from rbee_core.jobs import Job
from rbee_core.planning import Plan, Request
from rbee_core.rbee import Rbee
from rbee_core.refs import ModelRef
from rbee_core.testing.machines import load
from rbee_core.workers.runtime import StartOptions

from .models import make_model, plan_for


def reasons(plan: Plan) -> dict[tuple[str, str | None], str]:
    """Worker and device -> why."""
    return {(candidate.variant, candidate.device): candidate.reason for candidate in plan.candidates}


def test_the_chosen_values_are_what_the_worker_is_started_with(shelf: Path, tmp_path: Path) -> None:
    plan = plan_for("2x-rtx3090", tmp_path, make_model(shelf, "70B"), default_parallel=4)
    options = plan.start_options(StartOptions(port=1234))
    chosen = plan.wire()["chosen"]
    assert options.port == 1234
    assert [device.id for device in options.devices] == chosen["devices"] == ["GPU-0", "GPU-1"]
    assert options.gpu_layers == chosen["gpuLayers"] == sum(options.tensor_split) == 81
    assert list(options.tensor_split) == chosen["tensorSplit"]
    assert (options.context, options.parallel) == (chosen["contextLength"], chosen["parallel"])
    assert (options.context or 0) >= 4096
    on_cpu = plan_for("vps-8gb", tmp_path, make_model(shelf, "2.6B")).start_options(StartOptions())
    assert (on_cpu.gpu_layers, on_cpu.tensor_split, on_cpu.devices[0].id) == (None, (), "CPU-0")
    assert on_cpu.threads == 2  # its four processors are two threads each of two cores


@pytest.mark.parametrize(
    ("request_", "chosen"),
    [
        ({}, "GPU-0"),
        ({"backend": "CPU"}, "CPU-0"),
        ({"device": "gpu-1"}, "GPU-1"),
        ({"device": "GPU-1,GPU-0"}, "GPU-0,GPU-1"),
        ({"device": "CPU-0"}, "CPU-0"),
        ({"context": 100_000, "kv_type": "f32"}, "GPU-0,GPU-1"),
    ],
)
def test_constraints_are_kept(request_: dict[str, Any], chosen: str, shelf: Path, tmp_path: Path) -> None:
    plan = plan_for("2x-rtx3090", tmp_path, make_model(shelf, "8B"), **request_)
    assert plan.chosen is not None
    assert plan.chosen.device == chosen
    assert plan.chosen.placement is not None
    assert plan.chosen.placement.demand.context == request_.get("context", 8192)
    assert plan.chosen.placement.demand.kv_type == request_.get("kv_type", "f16")


@pytest.mark.parametrize(
    ("machine", "worker", "device", "part"),
    [
        ("gtx1060-6gb", "llm-worker-cuda", "GPU-0", "update the driver"),
        ("unsupported-gfx", "llm-worker-rocm", "GPU-0", "no code for gfx803"),
        ("arm64", "llm-worker-rocm", None, "not for linux/aarch64"),
        ("rtx4090", "llm-worker-metal", None, "not for linux"),
        ("vps-8gb", "llm-worker-cuda", None, "no cuda device"),
        ("rtx4090", "transformers-worker-cuda", None, "loads safetensors, and the model is gguf"),
        ("wsl-rtx3080", "llm-worker-cpu", "CPU-0", "needs 41."),
    ],
)
def test_every_refusal_has_its_reason(
    machine: str, worker: str, device: str | None, part: str, shelf: Path, tmp_path: Path
) -> None:
    assert part in reasons(plan_for(machine, tmp_path, make_model(shelf, "70B")))[worker, device]


def test_a_gpu_that_is_not_used_is_explained_though_the_cpu_does_it(shelf: Path, tmp_path: Path) -> None:
    plan = plan_for("gtx1060-6gb", tmp_path, make_model(shelf, "2.6B"))
    assert plan.chosen is not None
    assert plan.chosen.device == "CPU-0"
    assert any(note.startswith("GPU-0 is not used: ") for note in plan.notes)


def test_several_requests_give_way_before_layers_do(shelf: Path, tmp_path: Path) -> None:
    model = make_model(shelf, "8B")
    plan = plan_for("wsl-rtx3080", tmp_path, model, default_parallel=4)
    asked = plan_for("wsl-rtx3080", tmp_path, model, parallel=4)
    for found, parallel in ((plan, 1), (asked, 4)):
        assert found.chosen is not None
        assert found.chosen.placement is not None
        assert (found.chosen.placement.demand.parallel == 4) == (parallel == 4)


def with_env(tmp_path: Path, machine: str, **env: str) -> Rbee:
    home = {"RBEE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    return Rbee(Config(env={**home, **load(machine).env(), **env}))


def test_the_largest_context_that_fits_is_told_and_true(shelf: Path, tmp_path: Path) -> None:
    model = make_model(shelf, "70B")
    plan = plan_for("2x-rtx3090", tmp_path, model)
    largest = plan.wire()["chosen"]["largestContext"]
    assert largest == plan.largest_context > 8192
    assert f"up to --context {largest}" in " ".join(plan.notes)
    asked = plan_for("2x-rtx3090", tmp_path, model, context=largest)
    assert asked.chosen is not None
    assert asked.chosen.placement is not None
    assert asked.chosen.placement.whole
    more = plan_for("2x-rtx3090", tmp_path, model, context=largest + 256)
    assert more.chosen is not None
    assert more.chosen.verdict == "chosen"
    assert more.chosen.placement is not None
    assert not more.chosen.placement.whole
    # All that the model was trained for fits there.
    assert plan_for("h200", tmp_path, model).largest_context == 131072


def test_a_backend_that_is_turned_off_is_a_reason(shelf: Path, tmp_path: Path) -> None:
    rbee = with_env(tmp_path, "rtx4090", RBEE_DISABLE_PLUGINS="cuda")
    plan = rbee.plan(str(make_model(shelf, "8B")))
    assert plan.chosen is not None
    assert plan.chosen.device == "CPU-0"
    assert "disabled" in reasons(plan)["llm-worker-cuda", None]


def test_a_worker_that_is_not_installed_is_named(shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rbee = with_env(tmp_path, "m1-8gb")
    monkeypatch.setattr(rbee.workers, "discover", lambda paths: [])
    records = [record for record in rbee.plugins.records() if record.kind != "worker"]
    monkeypatch.setattr(rbee.plugins, "records", lambda: records)
    plan = rbee.plan(str(make_model(shelf, "8B")))
    assert isinstance(plan.problem, RbeeError)
    assert plan.problem.code == "WORKER_NOT_FOUND"
    assert "pip install rbee-worker-llm" in plan.problem.hint
    assert "On CPU-0 (Apple M1 (8 cores, 8 threads)) it would not fit: " in plan.problem.hint
    assert reasons(plan) == {("llm-worker", None): "is not installed: pip install rbee-worker-llm"}


def test_a_worker_that_is_turned_off_is_to_be_turned_on(shelf: Path, tmp_path: Path) -> None:
    rbee = with_env(tmp_path, "rtx4090", RBEE_DISABLE_PLUGINS="llm-worker,transformers-worker")
    plan = rbee.plan(str(make_model(shelf, "8B")))
    assert plan.chosen is None
    assert isinstance(plan.problem, RbeeError)
    assert plan.problem.code == "WORKER_NOT_FOUND"
    assert "rbee_disable_plugins" in plan.problem.hint.lower()
    assert "On GPU-0 (NVIDIA GeForce RTX 4090) it would fit: " in plan.problem.hint
    assert plan.wire()["candidates"][0]["verdict"] == "refused"


def test_gpu_memory_alone_is_named_where_nothing_may_lie_elsewhere(shelf: Path, tmp_path: Path) -> None:
    mine = worker(tmp_path / "mine")
    rbee = with_env(tmp_path, "wsl-rtx3080", RBEE_DISABLE_PLUGINS="llm-worker")
    plan = rbee.plan(str(make_model(shelf, "8x7B")), None, Request(backend="cuda", paths=(str(mine),)))
    assert isinstance(plan.problem, RbeeError)
    assert plan.problem.code == "INSUFFICIENT_VRAM"
    assert "of GPU memory on GPU-0 with a context of 4096; 9.2 GB" in plan.problem.message


def test_memory_that_others_use_is_to_be_freed(shelf: Path, tmp_path: Path) -> None:
    busy = {"name": "Busy", "memoryTotal": 64 * 10**9, "memoryFree": 30 * 10**9, "architecture": "x86_64"}
    rbee = with_env(tmp_path, "vps-8gb", RBEE_FORCE_CPU=json.dumps([busy]))
    plan = rbee.plan(str(make_model(shelf, "70B")))
    assert isinstance(plan.problem, RbeeError)
    assert "of memory: others use 34.0 GB there now" in plan.problem.hint
    # Of a machine that is too small for it, nothing can be freed that would help.
    assert "Free " not in getattr(plan_for("vps-8gb", tmp_path, make_model(shelf, "70B")).problem, "hint", "")


def test_a_model_that_is_registered_and_not_here_is_planned_from_its_source(shelf: Path, tmp_path: Path) -> None:
    rbee = with_env(tmp_path, "rtx4090")
    model = make_model(shelf, "8B")
    rbee.register("mine", name="Mine", repo=str(model), architecture="llama", backends=("cpu",))
    plan = rbee.plan("mine")
    assert plan.wire()["model"] == "mine"
    assert plan.chosen is not None
    assert plan.chosen.device == "CPU-0"
    assert "registered for cpu only" in reasons(plan)["llm-worker-cuda", None]


@pytest.mark.parametrize("advice", [True, False])
def test_a_model_that_is_here_needs_no_network_to_run(
    advice: bool, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rbee = with_env(tmp_path, "rtx4090")
    path = make_model(shelf, "70B")
    size = path.stat().st_size
    rbee.catalog.put(ModelEntry(id="big", name="Big", source="hf:org/big", path=str(path), size=size, format="gguf"))
    asked: list[str] = []

    def resolve(ref: ModelRef, job: Job) -> Any:
        asked.append(str(ref))
        raise RbeeError("DOWNLOAD_FAILED", "no network")

    monkeypatch.setattr(rbee.models, "resolve", resolve)
    plan = rbee.plan("big", None, Request(advice=advice))
    assert plan.chosen is not None
    assert plan.chosen.placement is not None
    assert not plan.chosen.placement.whole
    assert asked == (["hf:org/big"] if advice else [])
    assert bool(plan.advice) == advice


@pytest.mark.parametrize(
    ("device", "part"),
    [
        ("GPU-0,GPU-7", "llm-worker-cuda: has no device GPU-7"),
        ("GPU-9", "llm-worker-cuda: has no device GPU-9"),
        ("GPU-0,GPU-1", "my-worker-cuda on GPU-0,GPU-1: cannot compute on these together"),
    ],
)
def test_devices_that_cannot_be_had_are_told(device: str, part: str, shelf: Path, tmp_path: Path) -> None:
    mine = worker(tmp_path / "mine")
    rbee = with_env(tmp_path, "2x-rtx3090", RBEE_DISABLE_PLUGINS="llm-worker" if "together" in part else "")
    plan = rbee.plan(str(make_model(shelf, "8B")), None, Request(device=device, paths=(str(mine),)))
    assert isinstance(plan.problem, RbeeError)
    assert plan.problem.code == "BACKEND_UNAVAILABLE"
    assert part in plan.problem.message


def test_gpus_that_share_the_machines_memory_are_not_joined(shelf: Path, tmp_path: Path) -> None:
    own = {"name": "Own", "memoryTotal": 10**10, "memoryFree": 10**10, "architecture": "gfx1100"}
    shared = {"name": "Shared", "memoryTotal": 10**10, "memoryFree": 10**10, "architecture": "gfx1100"}
    both = json.dumps([own, {**shared, "unifiedMemory": True}])
    plan = with_env(tmp_path, "rtx4090", RBEE_FORCE_CUDA="[]", RBEE_FORCE_ROCM=both).plan(str(make_model(shelf, "70B")))
    assert "GPU-0,GPU-1" not in [candidate.device for candidate in plan.candidates]


@pytest.mark.parametrize(
    ("machine", "model", "worker"),
    [
        ("rtx4090", "demo:stories", "llm-worker-cuda"),
        ("rtx4090", "demo:stories-safetensors", "transformers-worker-cuda"),
        ("m3-max-64gb", "demo:stories", "llm-worker-metal"),
        ("m3-max-64gb", "demo:stories-safetensors", "transformers-worker-metal"),
        ("rx7900xtx", "demo:stories-safetensors", "transformers-worker-rocm"),
        ("rpi5", "demo:stories-safetensors", "transformers-worker-cpu"),
    ],
)
def test_the_format_picks_the_engine(machine: str, model: str, worker: str, tmp_path: Path) -> None:
    plan = plan_for(machine, tmp_path, model)
    assert plan.chosen is not None
    assert plan.chosen.variant == worker
    assert plan.subject.exact


def test_more_context_than_the_worker_can_is_wrong_usage(shelf: Path, tmp_path: Path) -> None:
    plan = plan_for("h200", tmp_path, make_model(shelf, "8B"), context=10**7)
    assert isinstance(plan.problem, UsageError)
    with pytest.raises(UsageError, match="131072"):
        _ = plan.choice


def worker(folder: Path, **more: str) -> Path:
    """A worker of a third party, in a folder."""
    folder.mkdir()
    backend = more.pop("backend", "")
    capabilities = "".join(f"{key} = {value}\n" for key, value in more.items())
    (folder / "worker.toml").write_text(
        f"""
        schema = 1
        [worker]
        id = "my-worker"
        name = "Mine"
        description = "Mine"
        license = "MIT"
        version = "1"
        [build]
        system = "pip"
        features = ["cuda", "cpu"]
        default_feature = "cpu"
        [build.pip]
        requirements = []
        [run]
        entry = ["{{python}}", "--model", "{{model}}", "--port", "{{port}}"]
        {backend}
        [capabilities]
        supported_formats = ["gguf"]
        {capabilities}
        """
    )
    return folder


def test_a_worker_named_by_its_path_goes_before_others(shelf: Path, tmp_path: Path) -> None:
    mine = worker(tmp_path / "mine")
    rbee = with_env(tmp_path, "rtx4090")
    plan = rbee.plan(str(make_model(shelf, "8B")), None, Request(paths=(str(mine),)))
    assert plan.chosen is not None
    assert (plan.chosen.variant, plan.chosen.device) == ("my-worker-cuda", "GPU-0")
    # It cannot keep a part of the model on the CPU; the other can, and that is better than the CPU alone.
    large = rbee.plan(str(make_model(shelf, "70B")), None, Request(paths=(str(mine),)))
    assert large.chosen is not None
    assert large.chosen.variant == "llm-worker-cuda"
    assert "GPU memory" in reasons(large)["my-worker-cuda", "GPU-0"]


def test_what_a_worker_does_not_know_or_require_refuses_it(shelf: Path, tmp_path: Path) -> None:
    cuda = '[backend.cuda]\nrequires = ["nvidia :: cuda_version_lower_bound :: 13.0"]'
    mine = worker(tmp_path / "mine", backend=cuda, architectures='["qwen3"]')
    rbee = with_env(tmp_path, "rtx4090")
    plan = rbee.plan(str(make_model(shelf, "8B")), None, Request(paths=(str(mine),)))
    assert reasons(plan)["my-worker-cpu", None] == "does not know models of the architecture llama"
    newer = worker(tmp_path / "newer", backend=cuda, kv_types='["f16"]')
    plan = rbee.plan(str(make_model(shelf, "8B")), None, Request(paths=(str(newer),)))
    assert "CUDA 12.4, and 13.0 is needed; update the driver" in reasons(plan)["my-worker-cuda", "GPU-0"]
    plan = rbee.plan(str(make_model(shelf, "8B")), None, Request(paths=(str(newer),), kv_type="q8_0"))
    assert reasons(plan)["my-worker-cpu", None] == "stores the KV cache as f16, not as q8_0"


def test_the_plan_is_one_json_document_of_the_documented_shape(shelf: Path, tmp_path: Path) -> None:
    plan = json.loads(json.dumps(plan_for("rtx4090", tmp_path, make_model(shelf, "8B")).wire()))
    required = {"variant", "device", "contextLength", "gpuLayers", "memoryRequired", "memoryAvailable"}
    assert required <= plan["chosen"].keys()
    assert plan["chosen"]["memoryRequired"] <= plan["chosen"]["memoryAvailable"]
    assert {"model", "chosen", "candidates"} <= plan.keys()
    assert [row["verdict"] for row in plan["candidates"]].count("chosen") == 1
    assert all({"variant", "device", "verdict", "reason"} <= row.keys() for row in plan["candidates"])
    for memory in plan["memory"]:
        parts = ("weights", "kv", "compute", "overhead", "shared", "others", "free")
        assert sum(memory[part] for part in parts) == memory["total"]
