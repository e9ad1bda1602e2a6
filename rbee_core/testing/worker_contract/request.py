"""What a worker is asked in the tests of the contract."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..drive_worker import Worker, WorkerAnswer


def _answered(answer: WorkerAnswer) -> None:
    assert answer.body, "the answer is empty"


@dataclass(frozen=True)
class WorkerRequest:
    """One request, and what its answer has to be.

    :param path: such as ``/v1/audio/speech``.
    :param body: sent as JSON; bytes are sent as they are, and ``None`` is none.
    :param check: looks at an answer of status 200, and asserts what has to be true of it.
    :param wrong: bodies that have to be refused with a 400, each with how the name of the field at fault begins
        (``None`` where none is).
    """

    path: str
    body: Any = None
    check: Callable[[WorkerAnswer], None] = _answered
    method: str = "POST"
    wrong: Sequence[tuple[Any, str | None]] = ()

    def ask(self, worker: Worker, headers: Mapping[str, str] | None = None) -> WorkerAnswer:
        """Ask, and give the answer, whatever it is."""
        return worker.ask(self.method, self.path, self.body, headers)

    def answered(self, worker: Worker, headers: Mapping[str, str] | None = None) -> None:
        """Ask, and see that the answer is as it has to be."""
        self.verify(self.ask(worker, headers))

    def verify(self, answer: WorkerAnswer) -> None:
        """See that an answer is as it has to be."""
        assert answer.status == 200, f"{self.method} {self.path} was answered {answer.status}: {answer.body[:500]!r}"
        self.check(answer)

    def on_the_wire(self) -> bytes:
        """The request as it is sent."""
        body = (
            self.body if isinstance(self.body, bytes) else b"" if self.body is None else json.dumps(self.body).encode()
        )
        head = f"{self.method} {self.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
