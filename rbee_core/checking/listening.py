"""Running a plugin's code while what it prints and what it imports is noted."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from ..plugins.guard import Guard
from ..plugins.import_watch import ImportWatch

if TYPE_CHECKING:
    from ..jobs import Job
    from ..plugins.child import Noted
    from ..plugins.records import PluginRecord

T = TypeVar("T")


class ListeningGuard(Guard):
    """Keeps what plugin code writes to standard output, by where it did. `watch` is entered for the next run alone."""

    def __init__(self, noted: Noted) -> None:
        super().__init__(noted)
        self.printed: dict[str, str] = {}
        self.watch: ImportWatch | None = None

    def run(self, record: PluginRecord, where: str, action: Callable[[], T], *, job: Job | None = None) -> T:
        def watched() -> T:
            with self._heard(where):
                if (watch := self.watch) is None:
                    return action()
                self.watch = None
                with watch:
                    return action()

        return super().run(record, where, watched, job=job)

    @contextmanager
    def _heard(self, where: str) -> Iterator[None]:
        """Lead standard output, below Python's ``print`` too, into a file and then to where it was led."""
        outer, kept = sys.stdout, os.dup(1)
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 1)
            sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
            try:
                yield
            finally:
                for stream in (sys.stdout, sys.__stdout__):
                    with suppress(OSError, ValueError):
                        if stream is not None:
                            stream.flush()
                sys.stdout = outer
                os.dup2(kept, 1)
                os.close(kept)
                file.seek(0)
                if text := file.read(20_000).decode("utf-8", "replace"):
                    self.printed.setdefault(where, text)
                    sys.stderr.write(text)
