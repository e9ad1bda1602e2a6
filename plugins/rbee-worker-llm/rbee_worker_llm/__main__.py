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
    from .settings import parse

    settings = parse(argv)
    from .lifecycle import serve

    return _runner()(serve(settings))


def _check() -> int:
    """Load all that a worker needs, the engine included; what is missing is the traceback's last line."""
    import xllamacpp

    from . import lifecycle  # noqa: F401

    sys.stdout.write(f"{xllamacpp.__version__}\n")
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
