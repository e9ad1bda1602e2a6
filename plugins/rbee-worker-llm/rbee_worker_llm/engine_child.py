"""The engine's process: llama.cpp's own server, listening where only the front can reach it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rbee_worker_kit.child import Serving, run

from .model_task import Task, task_of


def load(config: dict[str, Any]) -> Serving:
    """Load the GGUF file and let llama.cpp's server listen."""
    os.environ["GGML_NO_BACKTRACE"] = "1"  # an abort would start a debugger to print one
    import xllamacpp

    task = task_of(Path(config["model"]))
    if task.makes is None:
        raise ValueError("it ranks texts (a reranker), which this worker has no use for")
    if config["on_gpu"] and not _sees_gpu(xllamacpp):
        raise ValueError("the engine sees no GPU: it was not built for one, or the driver shows it none")
    server = xllamacpp.Server(_params(xllamacpp, config, task))
    return Serving(server.listening_address, server, (task.makes,))


def _sees_gpu(xllamacpp: Any) -> bool:
    """Whether there is one to compute on. Without, the engine would take the processor, and not say so."""
    kinds = xllamacpp.ggml_backend_dev_type
    gpus = (kinds.GGML_BACKEND_DEVICE_TYPE_GPU, kinds.GGML_BACKEND_DEVICE_TYPE_IGPU)
    return any(device["type"] in gpus for device in xllamacpp.get_device_info())


def _params(xllamacpp: Any, config: dict[str, Any], task: Task) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = config["model"]
    params.model_alias = {config["model_id"]}
    params.n_ctx = config["context"] * config["parallel"]
    params.n_parallel = config["parallel"]
    params.cpuparams.n_threads = config["threads"]
    params.cpuparams_batch.n_threads = config["threads"]
    kv_type = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{config['kv_type'].upper()}")
    params.cache_type_k = kv_type
    params.cache_type_v = kv_type
    # The plan has seen to it that this fits: the engine is not to think better of it.
    params.fit_params = False
    params.n_gpu_layers = config["gpu_layers"]
    if config["tensor_split"]:
        params.tensor_split = _padded(config["tensor_split"], len(params.tensor_split))
    params.embedding = task.makes == "embedding"
    if task.in_one_piece:
        params.n_batch = params.n_ubatch = config["context"]  # the longest there may be
    params.hostnames = [config["listen"]]
    params.port = 0
    params.api_keys = [config["key"]]
    # Each connection holds one of the listener's threads.
    params.n_threads_http = config["connections"]
    params.cache_ram_mib = config["prompt_cache_mib"]
    # Of models with sliding windows or recurrent layers each slot keeps copies of its state, to go back to. The
    # engine's 32 can be gigabytes of RAM; a conversation's next turn needs the last two. Plans count these.
    params.n_ctx_checkpoints = 2
    params.verbosity = 1  # errors: more would be a few lines per request, and fill a busy server's disk
    params.ui = False
    params.endpoint_slots = False
    params.endpoint_metrics = False
    params.warmup = True
    return params


def _padded(split: list[float], devices: int) -> list[float]:
    """A share for every device the engine can count to; those that are not named get none."""
    if len(split) > devices:
        raise ValueError(f"--tensor-split names {len(split)} devices; at most {devices} can be used")
    return [*split, *([0.0] * (devices - len(split)))]


if __name__ == "__main__":
    run(load)
