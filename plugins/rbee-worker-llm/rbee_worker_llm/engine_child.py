"""The engine's process: llama.cpp's own server, listening where only the front can reach it.

A process of its own because loading a model holds Python's interpreter lock for as long as it takes, and because a
broken model file can abort llama.cpp: the front stays there to tell what happened.

Started with one line of JSON on stdin (`EngineConfig` of ``engine.py``); answers with one line on stdout once the model
is loaded. End of file on stdin means that the front is gone, and ends it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any


def main() -> None:
    """Load the model, say where the engine listens, and serve until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints belongs into the log
    _die_with_parent()
    config = json.loads(sys.stdin.readline())
    os.environ["GGML_NO_BACKTRACE"] = "1"  # an abort would start a debugger to print one
    import xllamacpp

    try:
        server = xllamacpp.Server(_params(xllamacpp, config))
    except Exception as error:  # noqa: BLE001 — whatever the engine raises is its answer
        answers.write(json.dumps({"error": str(error) or type(error).__name__}) + "\n")
        answers.close()
        os._exit(1)
    answers.write(json.dumps({"address": server.listening_address}) + "\n")
    answers.close()
    threading.Thread(target=_exit_at_end_of_input, daemon=True).start()
    threading.Event().wait()


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


def _die_with_parent() -> None:
    """On Linux the kernel ends us with our parent, even while a model is loading and no Python code can run."""
    if sys.platform != "linux":
        return
    import ctypes
    import signal

    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.environ.get("RBEE_FRONT_PID") not in (None, str(os.getppid())):
        os._exit(1)  # it died before we asked


def _exit_at_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
