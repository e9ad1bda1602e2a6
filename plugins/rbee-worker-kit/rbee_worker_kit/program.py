"""What a worker is, and its command line's first words."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .endpoints import Endpoint
    from .settings import Settings


def _language() -> Sequence[Endpoint]:
    from .endpoints import LANGUAGE

    return LANGUAGE


@dataclass(frozen=True, slots=True)
class Program:
    """One kind of worker.

    :param package: its import name; ``python -m PACKAGE`` starts it.
    :param implementation: its distribution's name, told on ``GET /info``.
    :param description: one sentence, for the API's document.
    :param worker_id: its recipe's id, what a run is called if it is given no name of its own.
    :param child: the module that is run as the engine's process (``child.run`` does all but the loading).
    :param model_is: whether the engine loads one file, or a folder.
    :param model_help: what ``--model`` takes, for the help.
    :param configure: what the engine's process is told, besides what all are told: JSON values.
    :param check: loads all that the engine needs, and gives its version; what is missing is the exception's message.
    :param kv_types: how this engine can store the KV cache; the first is the default.
    :param check_settings: looks at the settings before anything is started.
        :raises ValueError: with what is wrong with them.
    :param endpoints: gives what the engine can be asked; by default OpenAI's API for language models. A function, since
        the command line has no need of what it imports.
    """

    package: str
    implementation: str
    description: str
    worker_id: str
    child: str
    model_is: Literal["file", "folder"]
    model_help: str
    configure: Callable[[Settings], dict[str, Any]]
    check: Callable[[], str]
    kv_types: tuple[str, ...] = ("f16",)
    check_settings: Callable[[Settings], None] = lambda settings: None
    endpoints: Callable[[], Sequence[Endpoint]] = _language


def main(program: Program, argv: list[str]) -> int:
    """Serve one model; or ``--check`` that everything needed is installed; or ``--openapi``: print the API's document.

    :returns: the exit status.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    if argv == ["--check"]:
        return _check(program)
    if argv == ["--openapi"]:
        return _openapi(program)
    from .settings import parse

    settings = parse(program, argv)
    from .lifecycle import serve

    return _runner()(serve(program, settings))


def _check(program: Program) -> int:
    """Load all that a worker needs, the engine included; what is missing is the traceback's last line."""
    engine = program.check()
    from . import lifecycle, web  # noqa: F401

    sys.stdout.write(f"{engine}\n")
    return 0


def _openapi(program: Program) -> int:
    """Print the OpenAPI document as JSON."""
    from .api import create_app
    from .settings import Settings
    from .state import State

    settings = Settings(Path("model"), "model", program.worker_id)
    sys.stdout.write(json.dumps(create_app(program, settings, State()).openapi(), indent=2) + "\n")
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
