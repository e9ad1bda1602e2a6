"""Whatever a source does, the file that is published is the promised one, or there is none."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rbee_core.contracts.common import Digest
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job
from rbee_core.transfer import RestartNeeded, Source, Tally, receive, retry

DATA = hashlib.shake_256(b"model").digest(5000)
DIGEST = Digest(f"sha256:{hashlib.sha256(DATA).hexdigest()}")

ENDS = st.sampled_from(["end", "reset", "timeout", "restart", "final", "more"])
#: One opening of the source: sizes of the pieces it gives, which of them has a wrong byte, and how it ends.
OPENINGS = st.tuples(st.lists(st.integers(1, 2000), max_size=5), st.none() | st.integers(0, 4), ENDS)


class Wild:
    """A source that follows a script, then behaves."""

    def __init__(self, script: list[tuple[list[int], int | None, str]]) -> None:
        self.script = list(script)

    def open_at(self, offset: int) -> Iterator[bytes]:
        if not self.script:
            yield DATA[offset:]
            return
        sizes, wrong, end = self.script.pop(0)
        for number, size in enumerate(sizes):
            piece = DATA[offset : offset + size]
            offset += len(piece)
            if piece:
                yield bytes([piece[0] ^ 1]) + piece[1:] if number == wrong else piece
        if end == "more":
            yield b"x" * 6000
        errors = {"reset": ConnectionResetError(), "timeout": TimeoutError(), "restart": RestartNeeded()}
        if end in errors:
            raise errors[end]
        if end == "final":
            raise RbeeError(ErrorCode.AUTH_REQUIRED, "no")


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(st.lists(OPENINGS, max_size=8), min_size=1, max_size=4), sized=st.booleans())
def test_the_promised_bytes_or_an_error(
    runs: list[list[tuple[list[int], int | None, str]]], sized: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "BACKOFF", 0)
    with tempfile.TemporaryDirectory() as folder:
        dest = Path(folder) / "model.gguf"
        for script in runs:
            source = Source("model.gguf", Wild(script).open_at, len(DATA) if sized else None, DIGEST, "same")
            job = Job()
            tally = Tally(job, len(DATA))
            try:
                file = receive(source, dest, tally)
            except RbeeError:
                assert not dest.exists()
                continue
            assert dest.read_bytes() == DATA
            assert (file.size, file.digest, job.recorded_digest(dest)) == (len(DATA), DIGEST, DIGEST)
            assert tally.done == len(DATA)
            return
