"""A file in ranges, for the tests of the engine: a source that behaves, or misbehaves as it is told."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rbee_core.contracts.common import Digest
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job, JobOptions
from rbee_core.transfer import (
    RestartNeeded,
    Source,
    Tally,
    receive,
)

SIZE = 2_000_000
DATA = hashlib.shake_256(b"ranged").digest(SIZE)
CHUNK = 10_000


def sha256(data: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")


Ask = Callable[[int, int], Iterator[bytes]]


class Server:
    """A file in ranges; ``trouble`` is called with each range before it is given, and may give something else."""

    def __init__(self, trouble: Callable[[int, int, int], Iterator[bytes] | None] | None = None) -> None:
        self.data = DATA
        self.asked: list[tuple[int, int]] = []
        self.whole = 0
        self.given = 0
        self.open = self.most = 0
        self._trouble = trouble or (lambda number, start, end: None)
        self._lock = threading.Lock()

    def open_range(self, start: int, end: int) -> Iterator[bytes]:
        with self._lock:
            self.asked.append((start, end))
            number = len(self.asked)
            self.open += 1
            self.most = max(self.most, self.open)
        left = end - start
        try:
            for piece in self._trouble(number, start, end) or self.give(start, end):
                left -= len(piece)
                with self._lock:
                    self.given += len(piece)
                    if left <= 0 < left + len(piece):
                        self.open -= 1  # whoever has the last byte is free to ask for the next range
                yield piece
        finally:
            with self._lock:
                self.open -= left > 0

    def give(self, start: int, end: int) -> Iterator[bytes]:
        for begin in range(start, end, CHUNK):
            yield self.data[begin : min(begin + CHUNK, end)]

    def open_at(self, offset: int) -> Iterator[bytes]:
        if offset:
            raise RestartNeeded
        self.whole += 1
        yield from self.give(0, len(self.data))

    def source(self, **changes: Any) -> Source:
        facts: dict[str, Any] = {
            "size": SIZE,
            "digest": sha256(DATA),
            "identity": "v1",
            "open_range": self.open_range,
        }
        return Source("model.gguf", self.open_at, **(facts | changes))


def left(dest: Path) -> list[str]:
    return sorted(path.name for path in dest.parent.iterdir())


def refused(source: Source, dest: Path, job: Job) -> RbeeError:
    with pytest.raises(RbeeError) as caught:
        receive(source, dest, Tally(job, source.size))
    return caught.value


def noted(dest: Path) -> list[list[int]]:
    done: list[list[int]] = json.loads(dest.with_name("model.gguf.part.json").read_text())["done"]
    return done


def interrupted(dest: Path, after: int = 900_000, **changes: Any) -> int:
    """Leave a part behind; how much of it is noted."""
    lock, given = threading.Lock(), [0]

    def trouble(number: int, start: int, end: int) -> Iterator[bytes]:
        for begin in range(start, end, CHUNK):
            with lock:
                given[0] += CHUNK
                if given[0] > after:
                    raise RbeeError(ErrorCode.CANCELLED, "stop")
            yield DATA[begin : min(begin + CHUNK, end)]

    refused(Server(trouble).source(**changes), dest, Job(options=JobOptions(connections=4)))
    assert left(dest) == ["model.gguf.part", "model.gguf.part.json"]
    return sum(end - start for start, end in noted(dest))
