"""The two servers, what they saw, and what a client needs to know to reach them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any

from ..quiet_server import QuietServer
from .faults import Fault, Faults
from .handlers import CdnHandler, HubHandler
from .repos import FakeRepo

#: A token that opens every private repository here.
TOKEN = "hf_" + "aRealLookingTokenForTests0123456789"[:34]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived; header names are in lower case."""

    server: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]


class FakeHub:
    """A Hub on 127.0.0.1 and its delivery network on another port; use as a context manager.

    :param prefix: a path before everything, as some mirrors have.
    """

    def __init__(self, prefix: str = "") -> None:
        self.repos: dict[str, FakeRepo] = {}
        self.renamed: dict[str, str] = {}
        self.tokens = {TOKEN}
        self.page_size = 1000
        self.requests: list[Seen] = []
        self.on_request: Callable[[Seen], object] = lambda seen: None
        self.faults = Faults()
        self.prefix = prefix
        #: Where large files are redirected to, instead of the delivery network itself: something in front of it.
        self.cdn_front = ""
        self.closing = threading.Event()
        self._servers: dict[str, QuietServer] = {}

    def __enter__(self) -> FakeHub:
        for name, handler in (("hub", HubHandler), ("cdn", CdnHandler)):
            server = QuietServer(("127.0.0.1", 0), type(handler.__name__, (handler,), {"hub": self}))
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            self._servers[name] = server
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    @property
    def url(self) -> str:
        """What to set ``HF_ENDPOINT`` to."""
        return f"http://127.0.0.1:{self._servers['hub'].server_port}{self.prefix}"

    @property
    def cdn_url(self) -> str:
        """Where large files are redirected to."""
        return f"http://127.0.0.1:{self._servers['cdn'].server_port}"

    def env(self, **more: str) -> dict[str, str]:
        """The environment of a client of this hub."""
        return {"HF_ENDPOINT": self.url, **more}

    def repo(self, name: str, files: Mapping[str, bytes], **options: Any) -> FakeRepo:
        """Make a repository with these files on its main branch."""
        repo = FakeRepo(name, **options)
        repo.commit(files)
        self.repos[name] = repo
        return repo

    def fault(self, path: str = "*", **what: Any) -> None:
        """Let something go wrong; see `Fault`."""
        self.faults.add(Fault(path, **what))

    def seen(self, path: str = "*", *, method: str = "GET", server: str = "*") -> list[Seen]:
        """The requests so far, to paths that match."""
        return [
            request
            for request in list(self.requests)
            if request.method == method and fnmatchcase(request.path, path) and fnmatchcase(request.server, server)
        ]
