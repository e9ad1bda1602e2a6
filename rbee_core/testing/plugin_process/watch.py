"""Inside the process: what plugin code does that it should leave alone."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_NETWORK = frozenset(
    {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"}
)
_SLOW = frozenset(
    {"open", "os.listdir", "os.scandir", "subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "time.sleep"}
)
_IMPORT = "<frozen importlib."


class Watch:
    """Sees the calls that reach the system (audit hooks, PEP 578). One for the process: a hook cannot be taken back."""

    def __init__(self) -> None:
        self._seen: list[str] | None = None
        self._all = False
        self._forbid = False
        sys.addaudithook(self._hook)

    @contextmanager
    def calls(self, *, everything: bool = False, forbid: bool = False) -> Iterator[list[str]]:
        """Note the network calls meanwhile; with ``everything`` also those to the disk, other programs, and waiting.

        :param forbid: the network is not there.
        """
        seen: list[str] = []
        self._all, self._forbid, self._seen = everything, forbid, seen
        silent = {name: getattr(os, name) for name in ("stat", "lstat") if everything}  # they raise no event
        for name, call in silent.items():
            setattr(os, name, self._noting(name, call))
        try:
            yield seen
        finally:
            self._seen = None
            for name, call in silent.items():
                setattr(os, name, call)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._seen is None:
            return
        if event in _NETWORK and not _is_local(event, arguments):
            self._seen.append(f"{event}{tuple(arg for arg in arguments if not isinstance(arg, socket.socket))}")
            if self._forbid:
                raise OSError("there is no network in this test")
        elif self._all and event in _SLOW and not _importing():
            self._seen.append(f"{event}({arguments[0] if arguments else ''})")

    def _noting(self, name: str, call: Any) -> Any:
        def noted(*arguments: Any, **options: Any) -> Any:
            if self._seen is not None and self._all and not _importing():
                self._seen.append(f"os.{name}({arguments[0] if arguments else ''})")
            return call(*arguments, **options)

        return noted


def _is_local(event: str, arguments: tuple[Any, ...]) -> bool:
    """A socket file on this machine: an address that is no host and port."""
    return event == "socket.connect" and len(arguments) > 1 and not isinstance(arguments[1], tuple)


def _importing() -> bool:
    """Whether the import system makes the call: a module that is loaded when it is first needed."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.startswith(_IMPORT):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def state() -> dict[str, Any]:
    """What belongs to the whole process, by name."""
    umask = os.umask(0)
    os.umask(umask)
    root = logging.getLogger()
    found: dict[str, Any] = {
        "current folder": os.getcwd(),  # noqa: PTH109
        "umask": umask,
        "logging: level of the root": root.level,
        "logging: handlers of the root": [str(handler) for handler in root.handlers],
        "logging: disabled": logging.root.manager.disable,
        "sys.path": list(sys.path),
        "sys.argv": list(sys.argv),
        "sys.stdout": id(sys.stdout),
        "sys.stderr": id(sys.stderr),
        "sys.excepthook": id(sys.excepthook),
        "threading.excepthook": id(threading.excepthook),
        "socket.setdefaulttimeout": socket.getdefaulttimeout(),
        "recursion limit": sys.getrecursionlimit(),
        "threads that would keep rbee from ending": sorted(
            thread.name for thread in threading.enumerate() if not thread.daemon and thread.is_alive()
        ),
    }
    found |= {f"signal handler of {number.name}": str(signal.getsignal(number)) for number in signal.Signals}
    found |= {f"environment variable {name}": value for name, value in os.environ.items()}
    return found


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The names of what is not as it was."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
