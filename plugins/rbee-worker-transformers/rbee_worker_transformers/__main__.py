"""``python -m rbee_worker_transformers``: serve one model, or (``--check``) see that all it needs is installed."""

from __future__ import annotations

import sys
from typing import Any

from rbee_worker_kit.program import Program, main
from rbee_worker_kit.settings import Settings, default_threads

from .folder import check_folder

#: The first is the default: the type that the model computes in.
KV_TYPES = ("auto", "f32", "bf16", "f16")


def _configure(settings: Settings) -> dict[str, Any]:
    """What ``engine_child.py`` is told besides the common part."""
    return {
        "device": settings.device,
        "kv_type": settings.kv_type,
        "threads": default_threads(
            sum(file.stat().st_size for file in settings.model.glob("*.safetensors")), settings.threads
        ),
    }


def _check() -> str:
    import llguidance  # noqa: F401
    import safetensors  # noqa: F401
    import tokenizers  # noqa: F401
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, PreTrainedModel  # noqa: F401

    return f"transformers {transformers.__version__}, torch {torch.__version__}"


PROGRAM = Program(
    package="rbee_worker_transformers",
    implementation="rbee-worker-transformers",
    description="The safetensors worker of rbee: language models behind an OpenAI-compatible server, on PyTorch.",
    worker_id="transformers-worker",
    child="rbee_worker_transformers.engine_child",
    model_is="folder",
    model_help="the model's folder: config.json, tokenizer.json and its .safetensors files",
    configure=_configure,
    check=_check,
    kv_types=KV_TYPES,
    check_settings=lambda settings: check_folder(settings.model),
)

if __name__ == "__main__":
    sys.exit(main(PROGRAM, sys.argv[1:]))
