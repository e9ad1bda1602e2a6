"""A local web server whose pages can be made to fail."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any

from .faults import FAULTS, Fault, FaultProxy, Passed
from .servers.web import WebServer
from .unknown import unknown


class FileServer:
    """Pages on 127.0.0.1, behind a proxy that goes wrong when it is told to; use as a context manager.

    ```python
    with FileServer() as server:
        url = server.page("/m.gguf", data, headers={"ETag": '"v1"'})
        server.fail("cut")
    ```
    """

    def __init__(self) -> None:
        #: What answers, without faults.
        self.web = WebServer()
        self._stack = ExitStack()
        self._proxy: FaultProxy | None = None

    def __enter__(self) -> FileServer:
        self._stack.enter_context(self.web)
        # Every page that has content may fail, not large ones only.
        self._proxy = self._stack.enter_context(FaultProxy(self.web.url, big=1))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def proxy(self) -> FaultProxy:
        """What is in front of it; for `VendorModel`."""
        assert self._proxy is not None, "use it as a context manager: with FileServer() as server"
        return self._proxy

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return self.proxy.url

    def page(self, path: str, data: bytes = b"", **options: Any) -> str:
        """Answer a path; returns its URL.

        :param options: headers, status, whether ranges are understood, and more: see `servers.web.Page`.
        """
        self.web.page(path, data, **options)
        return self.url + path

    def redirect(self, path: str, target: str, status: int = 302) -> str:
        """Send whoever asks for ``path`` to ``target``; returns the URL."""
        self.web.redirect(path, target, status)
        return self.url + path

    def fail(self, fault: str | Fault | None) -> None:
        """Let this befall the answers to GET from now on; ``None`` for nothing.

        :param fault: one of `FAULTS` by its name (``cut``, ``stall``, ``503``, ``slow``, …), or one of your own.
        :raises LookupError: there is none of that name.
        """
        if isinstance(fault, str) and fault not in FAULTS:
            raise LookupError(unknown("fault", fault, FAULTS))
        self.proxy.set(FAULTS[fault] if isinstance(fault, str) else fault)

    @property
    def requests(self) -> list[Passed]:
        """Every request so far, in order, each with its method, path, headers, status and bytes sent."""
        return list(self.proxy.requests)

    def asked(self, path: str, method: str = "GET") -> list[Passed]:
        """The requests for a path so far."""
        return [one for one in self.requests if (one.method, one.path) == (method, path)]

    @property
    def bytes_sent(self) -> int:
        """Bytes of pages that went out."""
        return self.proxy.bytes_sent
