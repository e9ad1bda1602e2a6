"""The engine's process: llama.cpp's own server, listening where only the front can reach it."""

from __future__ import annotations

import os
from typing import Any

from rbee_worker_kit.child import Serving, run


def load(config: dict[str, Any]) -> Serving:
    """Load the GGUF file and let llama.cpp's server listen."""
    os.environ["GGML_NO_BACKTRACE"] = "1"  # an abort would start a debugger to print one
    import xllamacpp

    server = xllamacpp.Server(_params(xllamacpp, config))
    return Serving(server.listening_address, server)


def _params(xllamacpp: Any, config: dict[str, Any]) -> Any:
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
    params.hostnames = [config["listen"]]
    params.port = 0
    params.api_keys = [config["key"]]
    # Each connection holds one of the listener's threads.
    params.n_threads_http = config["connections"]
    params.cache_ram_mib = config["prompt_cache_mib"]
    params.verbosity = 1  # errors: more would be a few lines per request, and fill a busy server's disk
    params.ui = False
    params.endpoint_slots = False
    params.endpoint_metrics = False
    params.warmup = True
    return params


if __name__ == "__main__":
    run(load)
