"""The HTTP server itself: uvicorn, told to leave signals alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import uvicorn

from .api import create_app
from .program import Program
from .settings import Settings
from .state import State


class Server(uvicorn.Server):
    """uvicorn without its signal handling: the worker drains first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def http_server(program: Program, settings: Settings, state: State) -> Server:
    """The server for one loaded model; ``serve(sockets=[…])`` runs it."""
    return Server(
        uvicorn.Config(
            create_app(program, settings, state),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
