"""Running a plugin's code so that whatever it does, rbee goes on: what it prints, raises and swallows stays apart.

Two things need care. Standard output belongs to rbee's data, so while a plugin runs both ``sys.stdout`` and file
descriptor 1 lead to standard error. And a plugin may raise ``KeyboardInterrupt`` or ``SystemExit`` itself, which must
not end rbee, while the person's Ctrl-C must: the two look alike, so the signal handlers are wrapped in one that takes
note when a signal really came.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TextIO

#: Longest reason remembered and shown, in characters.
_LONGEST = 300
_NO_SPACE = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|ACCESS_KEY", re.IGNORECASE)
_SECRET_TEXT = [
    (re.compile(r"(?<=://)[^/@\s]+@"), "***@"),
    (re.compile(r"\b(hf|ghp|gho|sk|xox[abp])[_-][A-Za-z0-9_-]{12,}"), "***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 ***"),
    (re.compile(r"(?i)([?&](?:[a-z-]*(?:token|signature|credential|secret|password|key|sig))=)[^&\s'\"]+"), r"\1***"),
]


@contextmanager
def signals_noted() -> Iterator[Callable[[], int | None]]:
    """Yield a function that tells which of SIGINT and SIGTERM came since, if any; handlers go on doing what they did.

    Signals reach the main thread only: in any other thread none is noted, and none can be.
    """
    seen: list[int] = []
    before: dict[int, Callable[[int, FrameType | None], object]] = {}

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        before[number](number, frame)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if callable(handler):
                before[number] = handler
                signal.signal(number, note)
    try:
        yield lambda: seen[0] if seen else None
    finally:
        # Also over a handler that the plugin set: what Ctrl-C does is rbee's affair.
        for caught, handler in before.items():
            signal.signal(caught, handler)


class _Diversion:
    """Standard output led to standard error; counted, since several threads may be inside plugins at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._stream: TextIO | None = None
        self._saved: int | None = None

    def enter(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside > 1:
                return
            self._stream = sys.stdout
            with suppress(OSError, ValueError, AttributeError):
                sys.stdout.flush()
                # Only where sys.stdout is the process's own: a captured or replaced stream has no business with fd 1.
                if sys.stdout.fileno() == 1:
                    saved = os.dup(1)
                    os.dup2(2, 1)
                    self._saved = saved
            sys.stdout = sys.stderr

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside:
                return
            with suppress(OSError, ValueError, AttributeError):
                if self._stream is not None:
                    self._stream.flush()  # what was printed through a kept reference to it
            if self._saved is not None:
                os.dup2(self._saved, 1)
                os.close(self._saved)
                self._saved = None
            if self._stream is not None:
                sys.stdout = self._stream


_diversion = _Diversion()


@contextmanager
def stdout_diverted() -> Iterator[None]:
    """Lead everything printed inside, by Python or by what it starts, to standard error."""
    _diversion.enter()
    try:
        yield
    finally:
        _diversion.leave()


def out_of_space(error: BaseException) -> bool:
    """Whether this is a full disk or an exhausted quota, which no plugin is to blame for."""
    return isinstance(error, OSError) and error.errno in _NO_SPACE


def reason_of(error: BaseException) -> str:
    """One line on an exception, for people, with no secret in it."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 — its own __str__ may be broken
        text = "(its message cannot be shown)"
    return one_line(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def one_line(text: str) -> str:
    """``text`` on one line of bearable length, control characters and secrets taken out."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text[:20_000]).split())
    for name, value in os.environ.items():
        if len(value) >= 8 and _SECRET_NAME.search(name):
            text = text.replace(value, "***")
    for pattern, mask in _SECRET_TEXT:
        text = pattern.sub(mask, text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
