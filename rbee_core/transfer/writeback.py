"""Bringing a file to the disk while the rest of it still comes, so that its end need not wait for all of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from .intervals import Intervals
from .part import writing
from .positioned import ClosedError


class Writeback:
    """One sync of a file at a time, each in a thread of its own: the disk takes the bytes anyway, but nobody waits.

    An error of the disk is told to whoever asks first and is told but once by the system; so it is kept here, and
    raised by `check`.

    :param sync: has the disk take what is written by then.
    :param dest: named in errors.
    :param safe: what is on the disk to begin with.
    """

    def __init__(self, sync: Callable[[], None], dest: Path, safe: Intervals) -> None:
        self._sync = sync
        self._dest = dest
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        #: What is on the disk for sure, of what was written here or noted before.
        self.safe = safe

    @property
    def busy(self) -> bool:
        """Whether a sync is going on."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, written: Intervals) -> None:
        """Begin a sync; none must be going on.

        :param written: in the file already; it becomes `safe`.
        """
        self._thread = threading.Thread(target=self._run, args=(written,), name="rbee-sync", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise what a sync has failed with.

        :raises RbeeError: ``INSUFFICIENT_DISK``, ``DOWNLOAD_FAILED``.
        """
        if self._error is not None:
            raise self._error

    def wait(self) -> None:
        """Wait for the sync that is going on, if one is.

        :raises RbeeError: as `check`.
        """
        if self._thread is not None:
            self._thread.join()
        self.check()

    def _run(self, written: Intervals) -> None:
        try:
            with writing(self._dest):
                self._sync()
            self.safe = written
        except ClosedError:
            pass
        except BaseException as error:  # noqa: BLE001 — raised where the file is looked after
            self._error = error
