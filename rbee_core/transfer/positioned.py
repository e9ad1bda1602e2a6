"""A file that many threads read and write at positions of their own, until it is closed; then none does any more."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class ClosedError(RuntimeError):
    """The file is closed: whoever still has bytes for it is too late."""


class PositionedFile:
    """An open file without a position. Closing waits for reads and writes that have begun, and refuses later ones: a
    thread that was left behind can never write into a descriptor that has become somebody else's.

    :param new: make it; it must not be there.
    """

    def __init__(self, path: Path, *, new: bool) -> None:
        flags = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
        self._descriptor: int | None = os.open(path, flags | (os.O_CREAT | os.O_EXCL if new else 0), 0o666)
        self._busy = 0
        self._gate = threading.Condition()
        # Windows has no pread and pwrite: there one thread at a time seeks and reads or writes.
        self._seek = None if hasattr(os, "pwrite") and hasattr(os, "preadv") else threading.Lock()

    def write(self, offset: int, piece: bytes | memoryview) -> None:
        """Write all of ``piece`` at ``offset``.

        :raises ClosedError: the file is closed.
        :raises OSError: as ``os.write``.
        """
        rest = memoryview(piece)
        with self._open() as descriptor:
            while rest:
                count = self._write_at(descriptor, offset, rest)
                offset, rest = offset + count, rest[count:]

    def read_into(self, offset: int, view: memoryview) -> int:
        """Fill ``view`` from ``offset`` on, as far as one read brings; the count of bytes.

        :raises ClosedError: the file is closed.
        """
        with self._open() as descriptor:
            if self._seek is None:
                return os.preadv(descriptor, [view], offset)
            with self._seek:
                os.lseek(descriptor, offset, os.SEEK_SET)
                data = os.read(descriptor, len(view))
            view[: len(data)] = data
            return len(data)

    def resize(self, size: int) -> None:
        """Give it this length; where nothing is written yet is a hole."""
        with self._open() as descriptor:
            os.ftruncate(descriptor, size)

    def sync(self) -> None:
        """Have what is written survive a power cut. Closing does not wait for this: a slow disk takes its time."""
        with self._open() as descriptor:
            own = os.dup(descriptor)
        try:
            getattr(os, "fdatasync", os.fsync)(own)
        finally:
            os.close(own)

    @property
    def closed(self) -> bool:
        """Whether it is."""
        return self._descriptor is None

    def close(self) -> None:
        """Let no more in, wait for those inside, and close."""
        with self._gate:
            descriptor, self._descriptor = self._descriptor, None
            while self._busy:
                self._gate.wait()
        if descriptor is not None:
            os.close(descriptor)

    def _write_at(self, descriptor: int, offset: int, view: memoryview) -> int:
        if self._seek is None:
            return os.pwrite(descriptor, view, offset)
        with self._seek:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.write(descriptor, view)

    @contextmanager
    def _open(self) -> Iterator[int]:
        with self._gate:
            if self._descriptor is None:
                raise ClosedError
            descriptor = self._descriptor
            self._busy += 1
        try:
            yield descriptor
        finally:
            with self._gate:
                self._busy -= 1
                if not self._busy:
                    self._gate.notify_all()
