"""The two servers, what they saw, and what a client needs to know to reach them."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any

from rbee_core.testing.quiet_server import QuietServer

from .faults import Fault, Faults
from .handlers import CdnHandler, HubHandler
from .repos import FakeRepo
from .xet import XetStore
from .xet_handlers import CasHandler, XorbHandler

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
    """A Hub on 127.0.0.1, its delivery network and its Xet storage on other ports; use as a context manager.

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
        self.xet = XetStore()
        #: Those that Xet storage accepts, and how long one is good, in seconds.
        self.xet_tokens: set[str] = set()
        self.xet_lifetime = 3600
        self.closing = threading.Event()
        self._servers: dict[str, QuietServer] = {}

    def __enter__(self) -> FakeHub:
        for handler in (HubHandler, CdnHandler, CasHandler, XorbHandler):
            server = QuietServer(("127.0.0.1", 0), type(handler.__name__, (handler,), {"hub": self}))
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            self._servers[handler.server_name] = server
        self.xet.front = self.xorb_url
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

    @property
    def cas_url(self) -> str:
        """Where Xet storage tells how files are put together."""
        return f"http://127.0.0.1:{self._servers['cas'].server_port}"

    @property
    def xorb_url(self) -> str:
        """Where Xet storage has its xorbs."""
        return f"http://127.0.0.1:{self._servers['xorbs'].server_port}"

    def xet_access(self) -> dict[str, Any]:
        """A new token for Xet storage, and where that is."""
        token = f"xet_{secrets.token_hex(8)}"
        self.xet_tokens.add(token)
        return {"casUrl": self.cas_url, "accessToken": token, "exp": int(time.time()) + self.xet_lifetime}

    def env(self, **more: str) -> dict[str, str]:
        """The environment of a client of this hub."""
        return {"HF_ENDPOINT": self.url, **more}

    def repo(self, name: str, files: Mapping[str, bytes], *, xet: bool = False, **options: Any) -> FakeRepo:
        """Make a repository with these files on its main branch.

        :param xet: whether the large ones lie in Xet storage.
        """
        repo = FakeRepo(name, xet=self.xet if xet else None, **options)
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
