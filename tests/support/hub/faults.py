"""What can go wrong on the way, on purpose."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong with the answers to some requests.

    :param path: glob over the request's path, of the hub and of its delivery network.
    :param times: how many requests it befalls; ``None`` for all.
    :param method: of the request.
    :param status: answer this instead, with ``headers``.
    :param cut_after: bytes of the body after which the connection is closed.
    :param stall_after: bytes of the body after which nothing comes any more.
    :param corrupt: the body has the right length and wrong bytes.
    :param ignore_range: answer a Range with the whole file.
    :param extra: so many bytes more than the file has, duly announced.
    :param total: what the ``Content-Range`` claims as the file's size.
    :param encoding: a ``Content-Encoding`` that nobody asked for.
    :param rate: bytes per second.
    """

    path: str = "*"
    times: int | None = 1
    method: str = "GET"
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_after: int | None = None
    stall_after: int | None = None
    corrupt: bool = False
    ignore_range: bool = False
    extra: int = 0
    total: int | None = None
    encoding: str | None = None
    rate: float | None = None


class Faults:
    """The faults that are still to happen."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Let it happen from now on; earlier ones go first."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Everything works again."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str, path: str) -> Fault:
        """The fault for this request, or one that does nothing."""
        with self._lock:
            for fault in self._faults:
                if fault.method == method and fnmatchcase(path, fault.path) and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return Fault()
