"""``python -m rbee_worker_llm``: serve one model, or (``--check``) see that everything needed is installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from rbee_worker_kit.program import Program, main
from rbee_worker_kit.settings import Settings

#: The first is the default.
KV_TYPES = ("f16", "f32", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
#: Weights that make one more thread worth its synchronisation: a tiny model is quickest on one.
BYTES_PER_THREAD = 16 << 20
#: Mebibytes of RAM the engine may keep old prompts' states in, so that a chat's next turn need not compute them again.
PROMPT_CACHE_MIB = 256


def _configure(settings: Settings) -> dict[str, Any]:
    """What ``engine_child.py`` is told besides the common part."""
    return {
        "kv_type": settings.kv_type,
        "threads": settings.threads or default_threads(settings.model),
        "gpu_layers": settings.gpu_layers,
        "tensor_split": list(settings.tensor_split),
        "prompt_cache_mib": PROMPT_CACHE_MIB,
    }


def default_threads(model: Path) -> int:
    """How many threads pay off: as many as there are cores for us, fewer where the weights are few."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, model.stat().st_size // BYTES_PER_THREAD))


def _check() -> str:
    import xllamacpp

    return str(xllamacpp.__version__)


PROGRAM = Program(
    package="rbee_worker_llm",
    implementation="rbee-worker-llm",
    description="The language-model worker of rbee: GGUF models behind an OpenAI-compatible server, on llama.cpp.",
    worker_id="llm-worker",
    child="rbee_worker_llm.engine_child",
    model_is="file",
    model_help="the GGUF file; of a split model its first part",
    configure=_configure,
    check=_check,
    kv_types=KV_TYPES,
)

if __name__ == "__main__":
    sys.exit(main(PROGRAM, sys.argv[1:]))
