"""Drawing a job's events on standard error: on a terminal a bar with speed and time left, elsewhere a line per step."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Protocol

from ..contracts.job import JobEvent, Level
from ..jobs import Job, JobOptions
from . import output

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from rich.status import Status

_MARKS = {Level.WARN: "yellow", Level.ERROR: "red"}
_ENDS = {"done", "error", "cancelled"}


class Narrator(Protocol):
    """Something that shows events."""

    def __call__(self, event: JobEvent) -> None: ...
    def close(self) -> None: ...


class Silent:
    """Shows nothing but warnings; for ``--json``."""

    def __call__(self, event: JobEvent) -> None:
        if event.level is Level.WARN and event.action not in _ENDS:
            output.warn(event.human)

    def close(self) -> None:
        """Nothing to close."""


class Lines:
    """One line per step, none for progress."""

    def __call__(self, event: JobEvent) -> None:
        if event.action in _ENDS or (event.level is Level.DEBUG and not output.verbose()):
            return
        output.note(event.human)

    def close(self) -> None:
        """Nothing to close."""


class Bars:
    """Lines, and a live bar for whatever is in progress; while a tool runs, the last line that it wrote."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._status: Status | None = None
        self._task: TaskID | None = None
        self._action = ""

    def __call__(self, event: JobEvent) -> None:
        if event.action.endswith("_progress"):
            self._draw(event)
            return
        if event.action.endswith("_output") and not output.verbose():
            self._show(event.human)
            return
        self.close()
        if event.action in _ENDS or (event.level is Level.DEBUG and not output.verbose()):
            return
        style = _MARKS.get(event.level)
        output.console(stderr=True).print(event.human, style=style, markup=False)

    def _draw(self, event: JobEvent) -> None:
        if self._progress is None or self._action != event.action:
            self.close()
            self._progress, self._action = _progress(), event.action
            self._progress.start()
            self._task = self._progress.add_task("", total=None)
        assert self._task is not None
        self._progress.update(self._task, completed=event.data.get("done", 0), total=event.data.get("total"))

    def _show(self, line: str) -> None:
        from rich.text import Text

        if not (line := "".join(c if c.isprintable() else " " for c in line).strip()):
            return
        if self._status is None:
            self.close()
            self._status = output.console(stderr=True).status("")
            self._status.start()
        self._status.update(Text(line, style="dim", no_wrap=True, overflow="ellipsis"))

    def close(self) -> None:
        """Take the bar, or the line, away."""
        if self._status is not None:
            self._status.stop()
            self._status = None
        if self._progress is not None:
            self._progress.stop()
            self._progress = self._task = None


def _progress() -> Progress:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskProgressColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        BarColumn(), TaskProgressColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(),
        console=output.console(stderr=True), transient=True,
    )  # fmt: skip


def narrator(*, json: bool) -> Narrator:
    """The way to show events that suits where standard error goes."""
    if json:
        return Silent()
    return Bars() if sys.stderr.isatty() and not output.no_color() else Lines()


@contextmanager
def narrated_job(options: JobOptions | None = None, *, json: bool = False) -> Iterator[Job]:
    """Run a job whose events are shown, and which Ctrl-C and SIGTERM cancel.

    A signal both marks the job as cancelled, for its threads, and interrupts the main thread at once.
    """
    show = narrator(json=json)
    job = Job(listener=show, options=options or JobOptions())
    try:
        with cancelling(job), job.running():
            yield job
    except KeyboardInterrupt:
        # From here on it is an outcome like any other, so that it is worded, and is JSON where that was asked for.
        raise job.interruption() from None
    finally:
        show.close()


@contextmanager
def cancelling(job: Job) -> Iterator[None]:
    """While inside, SIGINT and SIGTERM cancel ``job``."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> Any:
        job.cancel()
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
