"""The hash of a file whose bytes arrive in any order.

A digest such as sha256 takes bytes from the first to the last. So a thread follows the place up to which everything is
here, and reads what it passes back from the file. That was written moments before and is still in memory (the page
cache): connections may not run further ahead than `schedule.WINDOW`. It costs one copy of each byte, about 0.1 s of one
core for each GB, beside the hash itself; the disk is not read, unless memory is too short for the window or the bytes
were kept from an earlier run, which have to be hashed in any case.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from .hashes import Hashes
from .positioned import PositionedFile
from .schedule import Schedule

_STEP = 1 << 20
#: Seconds between two looks at whether more has arrived.
_PAUSE = 0.02


class Follower:
    """Hashes what has arrived, in a thread of its own.

    :param fail: told what went wrong; nothing is hashed after that.
    """

    def __init__(
        self, file: PositionedFile, schedule: Schedule, hashes: Hashes, fail: Callable[[BaseException], None]
    ) -> None:
        self.hashes = hashes
        self._file = file
        self._schedule = schedule
        self._fail = fail
        self._stopped = threading.Event()
        self.finished = threading.Event()
        threading.Thread(target=self._run, name="rbee-hash", daemon=True).start()

    def stop(self) -> None:
        """Hash no more."""
        self._stopped.set()

    def _run(self) -> None:
        view = memoryview(bytearray(_STEP))
        try:
            while self.hashes.position < self._schedule.size:
                until = self._schedule.arrived(self.hashes.position)
                if until == self.hashes.position and self._stopped.wait(_PAUSE):
                    return
                self._take_in(until, view)
                if self._stopped.is_set():
                    return
            self.finished.set()
        except BaseException as error:  # noqa: BLE001 — told to whoever waits for the hash
            self._fail(error)

    def _take_in(self, until: int, view: memoryview) -> None:
        while (position := self.hashes.position) < until and not self._stopped.is_set():
            count = self._file.read_into(position, view[: min(len(view), until - position)])
            if not count:
                raise OSError(f"the partial file ends at {position}, although more was written")
            self.hashes.update(view[:count])
