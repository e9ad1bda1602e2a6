"""``python -m rbee_worker_llm``: serve one model, or (``--check``) see that everything needed is installed."""

from __future__ import annotations

import sys
from typing import Any

from rbee_worker_kit.program import Program, main
from rbee_worker_kit.settings import Settings, default_threads

#: The first is the default.
KV_TYPES = ("f16", "f32", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
#: Mebibytes of RAM the engine may keep old prompts' states in, so that a chat's next turn need not compute them again.
PROMPT_CACHE_MIB = 256


def _configure(settings: Settings) -> dict[str, Any]:
    """What ``engine_child.py`` is told besides the common part."""
    return {
        "kv_type": settings.kv_type,
        "threads": default_threads(settings.model.stat().st_size, settings.threads),
        "on_gpu": not settings.device.startswith("CPU"),
        "gpu_layers": settings.gpu_layers,
        "tensor_split": list(settings.tensor_split),
        "prompt_cache_mib": PROMPT_CACHE_MIB,
    }


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
