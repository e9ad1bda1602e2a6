"""A reverse proxy in front of any HTTP server, on 127.0.0.1."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import urlsplit

from ..quiet_server import QuietServer
from .faults import Fault
from .handler import ElsewhereHandler, ProxyHandler

#: Bytes that the proxy counts as sent and that are not noted yet as arrived: a piece of each of four connections that
#: is about to go out, in buffers, or since the last note. A constant, so it matters for a small file only.
ON_THE_WAY = 3 << 18


@dataclass(slots=True)
class Passed:
    """One request that came by; header names are in lower case. ``sent`` counts the body's bytes that went out, or
    are about to.

    ``size`` is that of the file that the answer is of, as far as it says.
    """

    method: str
    path: str
    headers: dict[str, str]
    elsewhere: bool = False
    status: int = 0
    sent: int = 0
    size: int = 0
    big: bool = False


@dataclass
class FaultProxy:
    """Passes requests on to ``upstream`` and answers back, except that ``fault`` befalls some; a context manager.

    The client's ``Host`` is passed on, so that signatures hold and servers that name themselves name the proxy.

    :param upstream: ``http://127.0.0.1:PORT``, of a real server.
    :param big: bytes from which a file is large enough for the fault.
    """

    upstream: str
    fault: Fault | None = None
    big: int = 1 << 20
    requests: list[Passed] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self._befallen = self._seen = 0
        self._servers: list[QuietServer] = []
        #: What came with a request that was sent elsewhere: that server has the rights already, as signed storage has.
        self.granted: dict[str, str] = {}

    def __enter__(self) -> FaultProxy:
        for handler in (ProxyHandler, ElsewhereHandler):
            server = QuietServer(("127.0.0.1", 0), type(handler.__name__, (handler,), {"proxy": self}))
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            self._servers.append(server)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def url(self) -> str:
        """Where the proxy is."""
        return f"http://127.0.0.1:{self._servers[0].server_port}"

    @property
    def elsewhere(self) -> str:
        """The other server, which has the same files."""
        return f"http://127.0.0.1:{self._servers[1].server_port}"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the upstream server."""
        split = urlsplit(self.upstream)
        return split.hostname or "127.0.0.1", split.port or 80

    @property
    def fetched(self) -> list[Passed]:
        """The answers that carried bytes of a large file."""
        return [passed for passed in list(self.requests) if passed.big and passed.method == "GET"]

    @property
    def bytes_sent(self) -> int:
        """Bytes of large files that went out."""
        return sum(passed.sent for passed in self.fetched)

    def set(self, fault: Fault | None) -> None:
        """Let this go wrong from now on."""
        with self.lock:
            self.fault, self._befallen, self._seen = fault, 0, 0

    def take(self) -> Fault | None:
        """The fault for the next answer of a large file, if it is to have one."""
        with self.lock:
            fault = self.fault
            if fault is None:
                return None
            self._seen += 1
            if self._seen <= fault.after or (fault.times is not None and self._befallen >= fault.times):
                return None
            self._befallen += 1
            return fault
