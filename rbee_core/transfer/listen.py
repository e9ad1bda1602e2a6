"""Read from something slow without being at its mercy: it is given up when silent, and a cancel is heard at once."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

#: How long, in seconds, until a cancel is noticed.
POLL = 0.1
#: Items read ahead: enough that reading, hashing and writing overlap.
_DEPTH = 4


def listen(produce: Callable[[], Iterable[T]], *, check: Callable[[], None], stall: float) -> Iterator[T]:
    """Give what ``produce()`` gives, read in a thread of its own.

    A blocking read cannot be interrupted from outside, so one that is given up is left behind: its thread ends with
    whatever time-out the reader itself has, and never touches anything of the caller's.

    :param produce: opens and reads; runs in the other thread, and so does closing what it opened.
    :param check: called about ten times a second; what it raises ends the listening.
    :param stall: seconds without an item before it is given up.
    :raises TimeoutError: nothing came for ``stall`` seconds.
    :raises BaseException: whatever ``produce`` or reading from it raises.
    """
    inbox: queue.Queue[tuple[str, Any]] = queue.Queue(_DEPTH)
    gone = threading.Event()
    threading.Thread(target=_read, args=(produce, inbox, gone), name="rbee-listen", daemon=True).start()
    try:
        deadline = time.monotonic() + stall
        while True:
            check()
            try:
                kind, value = inbox.get(timeout=POLL)
            except queue.Empty:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"nothing came for {stall:g} seconds") from None
                continue
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
            deadline = time.monotonic() + stall
    finally:
        gone.set()


def _read(produce: Callable[[], Iterable[T]], inbox: queue.Queue[tuple[str, Any]], gone: threading.Event) -> None:
    try:
        items = produce()
        try:
            for item in items:
                if not _put(inbox, ("item", item), gone):
                    return
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
        _put(inbox, ("end", None), gone)
    except BaseException as error:  # noqa: BLE001 — it is raised where the items are awaited
        _put(inbox, ("error", error), gone)


def _put(inbox: queue.Queue[tuple[str, Any]], message: tuple[str, Any], gone: threading.Event) -> bool:
    """Hand over one message; ``False`` when nobody listens any more."""
    while not gone.is_set():
        try:
            inbox.put(message, timeout=POLL)
        except queue.Full:
            continue
        return True
    return False
