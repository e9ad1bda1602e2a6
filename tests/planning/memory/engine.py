"""What llama.cpp really allocates: it is loaded with the worker's own parameters, and its log is read."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: Run by an interpreter that has xllamacpp. The worker's parameters, but: weights are read, not mapped, as a mapping is
#: told as one range of the file; nothing is computed at the start; the log says more.
_LOAD = """
import json, os, sys
import xllamacpp
from rbee_worker_llm import engine_child
config = json.loads(sys.argv[1])
task = engine_child.task_of(engine_child.Path(config["model"]))
params = engine_child._params(xllamacpp, config, task)
params.verbosity, params.warmup = 4, False
params.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
server = xllamacpp.Server(params)
for line in open("/proc/self/status") if os.path.exists("/proc/self/status") else ():
    if line.startswith("RssAnon"):
        print("anonymous", line.split()[1], flush=True)
os._exit(0)
"""
#: The worker's other process, the front: measured, with psutil, as 37.5 MiB of its own.
FRONT = 38 << 20
_LINE = re.compile(r"\s(\S+)\s+(model|KV|RS|compute|output) buffer size =\s+([\d.]+) MiB")
_PARTS = {"model": "weights", "KV": "kv", "RS": "kv", "compute": "compute", "output": "compute"}


@dataclass
class Allocated:
    """Bytes by purpose, as `Part` has them; ``process``: what the process has beside (``None`` where it is unknown)."""

    weights: int = 0
    kv: int = 0
    compute: int = 0
    process: int | None = None

    @property
    def total(self) -> int:
        """What the engine says it allocated."""
        return self.weights + self.kv + self.compute


def load(
    python: Path,
    model: Path,
    *,
    context: int,
    parallel: int,
    kv_type: str = "f16",
    env: Mapping[str, str] | None = None,
) -> Allocated:
    """Load a model with ``context`` tokens for each of ``parallel`` requests, and end.

    :raises RuntimeError: it could not be loaded; the message has the end of the log.
    """
    config = {
        "model": str(model), "model_id": "m", "context": context, "parallel": parallel, "threads": 1,
        "kv_type": kv_type, "gpu_layers": 0, "tensor_split": [], "listen": "127.0.0.1", "key": "k", "connections": 2,
        "prompt_cache_mib": 0,
    }  # fmt: skip
    done = subprocess.run(
        [python, "-c", _LOAD, json.dumps(config)], capture_output=True, text=True, timeout=110,
        env={**os.environ, **(env or {})}, errors="replace",
    )  # fmt: skip
    log = done.stdout + done.stderr
    found = Allocated()
    seen = False
    for _, part, size in _LINE.findall(log):
        seen = True
        name = _PARTS[part]
        setattr(found, name, getattr(found, name) + round(float(size) * 2**20))
    if done.returncode != 0 or not seen:
        raise RuntimeError(f"the engine did not load {model.name}:\n{log[-3000:]}")
    if anonymous := re.search(r"^anonymous (\d+)", done.stdout, re.MULTILINE):
        # What is reserved for computing was not touched yet.
        found.process = FRONT + int(anonymous[1]) * 1024 - found.weights - found.kv
    return found
