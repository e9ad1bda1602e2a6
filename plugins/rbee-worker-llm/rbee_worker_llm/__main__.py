"""``python -m rbee_worker_llm``: serve one model, or (``--check``) see that everything needed is installed."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Coroutine
from typing import Any


def main(argv: list[str]) -> int:
    """:returns: the exit status."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if argv == ["--check"]:
        return _check()
    if argv == ["--openapi"]:
        return _openapi()
    from .settings import parse

    settings = parse(argv)
    from .lifecycle import serve

    return _runner()(serve(settings))


def _check() -> int:
    """Load all that a worker needs, the engine included; what is missing is the traceback's last line."""
    import xllamacpp

    from . import lifecycle, web  # noqa: F401

    sys.stdout.write(f"{xllamacpp.__version__}\n")
    return 0


def _openapi() -> int:
    """Print the OpenAPI document as JSON."""
    import json
    from pathlib import Path

    from .api import create_app
    from .settings import Settings
    from .state import State

    settings = Settings(
        Path("model.gguf"), "model", "worker", "CPU-0", "127.0.0.1", 0, 1, 1, "f16", 1, None, None, None
    )
    sys.stdout.write(json.dumps(create_app(settings, State()).openapi(), indent=2) + "\n")
    return 0


def _runner() -> Callable[[Coroutine[Any, Any, int]], int]:
    """What runs the event loop: uvloop's where there is one."""
    try:
        import uvloop
    except ImportError:  # Windows has none
        import asyncio

        return asyncio.run
    run: Callable[[Coroutine[Any, Any, int]], int] = uvloop.run
    return run


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
