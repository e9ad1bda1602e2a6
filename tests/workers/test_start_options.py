"""A worker gets what was planned: its command line, and an environment that shows it the chosen devices alone."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from rbee_core.contracts import Device, ModelEntry, WorkerBinary, WorkerRecipe
from rbee_core.jobs import Job
from rbee_core.workers.running import RunningWorkers
from rbee_core.workers.runtime import Starter, StartOptions, selection

#: Writes down what it was started with, and answers.
SERVER = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
json.dump({"argv": sys.argv[1:], "env": dict(os.environ)}, open(os.environ["TOLD"], "w"))

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
ENTRY = [
    *("{python}", "{prefix}/server.py", "{port}", "{model}", "{device}", "{device_index}"),
    ["--context", "{context}"],
    ["--gpu-layers", "{gpu_layers}"],
    ["--tensor-split", "{tensor_split}"],
    ["--kv-type", "{kv_type}"],
    ["--threads", "{threads}"],
]


def gpu(number: int, selector: dict[str, str] | None) -> Device:
    return Device(
        id=f"GPU-{number}",
        backend="cuda",
        name="x",
        memory_total=1,
        memory_free=1,
        architecture="x",
        selector=selector,
    )


def start(tmp_path: Path, options: StartOptions, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a worker was started with."""
    prefix = tmp_path / "environment"
    python = prefix / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (prefix / "server.py").write_text(SERVER)
    told = tmp_path / "told.json"
    monkeypatch.setenv("TOLD", str(told))
    recipe = WorkerRecipe.model_validate(
        {
            "id": "my-worker",
            "name": "x",
            "version": "1",
            "description": "x",
            "license": "MIT",
            "build": {"features": ["cuda"], "default_feature": "cuda"},
            "run": {"entry": ENTRY},
        }
    )
    binary = WorkerBinary(
        id="my-worker-cuda", worker_type="cuda", platform="linux", path=str(prefix), size=1, version="1"
    )
    entry = ModelEntry(id="m", name="m", source="", path="/models/m.gguf")
    starter = Starter(RunningWorkers(tmp_path / "state"))
    started = starter.start(recipe, binary, entry, options, Job())
    starter.stop(started, grace=2)
    found: dict[str, Any] = json.loads(told.read_text())
    return {**found, "device": started.worker.device}


def test_planned_values_reach_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    devices = tuple(gpu(number, {"CUDA_VISIBLE_DEVICES": f"GPU-uuid-{number}"}) for number in (3, 1))
    options = StartOptions(
        devices=devices, context=5120, kv_type="q8_0", gpu_layers=81, tensor_split=(40, 41), threads=8, attached=False
    )
    told = start(tmp_path, options, monkeypatch)
    assert told["device"] == "GPU-3,GPU-1"
    # It sees two GPUs, and the first of them is number 0 to it.
    assert told["env"]["CUDA_VISIBLE_DEVICES"] == "GPU-uuid-3,GPU-uuid-1"
    assert told["argv"][1:] == [
        *("/models/m.gguf", "GPU-3,GPU-1", "0"),
        *("--context", "5120", "--gpu-layers", "81", "--tensor-split", "40,41", "--kv-type", "q8_0", "--threads", "8"),
    ]


def test_what_was_not_planned_is_left_to_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    told = start(tmp_path, StartOptions(devices=(gpu(2, None),), attached=False), monkeypatch)
    assert told["argv"][1:] == ["/models/m.gguf", "GPU-2", "2"]
    assert told["env"]["CUDA_VISIBLE_DEVICES"] == "0,1,2,3"


def test_selectors_of_several_devices_are_joined_by_variable() -> None:
    chosen = [gpu(0, {"A": "1", "B": "x"}), gpu(1, {"A": "2", "B": "x"}), gpu(2, None)]
    assert selection(chosen) == {"A": "1,2", "B": "x"}
