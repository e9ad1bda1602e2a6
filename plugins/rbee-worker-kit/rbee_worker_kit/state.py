"""What the worker is doing: loading, ready, stopping, and how many requests it has in hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .contract import WorkerStatus
from .errors import ApiError, loading, stopping
from .settings import MAX_REQUESTS
from .upstream import Upstream


class State:
    """Shared by the HTTP front and the life cycle; lives in one event loop."""

    def __init__(self) -> None:
        self.upstream: Upstream | None = None
        self.tasks = frozenset[str]()
        self.port = 0
        self.requests = 0
        self.is_stopping = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._last_asked = time.monotonic()

    @property
    def status(self) -> WorkerStatus:
        """The status of the worker contract."""
        if self.is_stopping:
            return WorkerStatus.STOPPING
        if self.upstream is None:
            return WorkerStatus.STARTING
        return WorkerStatus.BUSY if self.requests else WorkerStatus.READY

    def engine(self) -> Upstream:
        """The engine, if requests are taken now.

        :raises ApiError: 503, saying why not.
        """
        if self.is_stopping:
            raise stopping()
        if self.upstream is None:
            raise loading()
        return self.upstream

    def asked(self) -> None:
        """Somebody wants something of the model now: the worker is not idle, whatever the answer will be."""
        self._last_asked = time.monotonic()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count one request in hand.

        :raises ApiError: 503, there are too many.
        """
        if self.requests >= MAX_REQUESTS:
            raise ApiError(503, "Too many requests wait already.", type="overloaded", headers={"Retry-After": "1"})
        self.requests += 1
        self._idle.clear()
        try:
            yield
        finally:
            self.requests -= 1
            self.asked()
            if not self.requests:
                self._idle.set()

    async def idle(self) -> None:
        """Wait until no request is in hand."""
        await self._idle.wait()

    async def idle_for(self, seconds: float) -> None:
        """Wait until for so long no request was in hand and none came."""
        while True:
            await self.idle()
            missing = self._last_asked + seconds - time.monotonic()
            if missing <= 0:
                return
            await asyncio.sleep(missing)
