"""The engine's process: a model on PyTorch, with a server that only the front can reach."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

from rbee_worker_kit.child import Serving, run


def load(config: dict[str, Any]) -> Serving:
    """Load the model and listen."""
    # What is not on this disk is not there; nothing is reported anywhere; nothing is compiled behind our back.
    os.environ |= {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
    }
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    os.environ.pop("HF_TOKEN", None)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    import torch

    from .loading import load_model
    from .server import Application, serve

    loaded = load_model(config)
    service: Any
    if loaded.embeds:
        from .embedding import Embedder

        service = Embedder(loaded, Path(config["model"]), config["model_id"])
        return Serving(serve(Application(service, config["key"]), config["listen"]), service, ("embedding",))
    from .runner import make_runner
    from .scheduler import Scheduler
    from .service import Service

    with torch.inference_mode():
        runner = make_runner(loaded, config["parallel"])
    scheduler = Scheduler(runner, config["parallel"])
    scheduler.start()
    service = Service(loaded, scheduler, config["model_id"])
    return Serving(serve(Application(service, config["key"]), config["listen"]), service)


if __name__ == "__main__":
    run(load)
