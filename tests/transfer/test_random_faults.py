"""Many ranges, each of which may go wrong in any way: the promised bytes, or an error and nothing."""

from __future__ import annotations

import hashlib
import random
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rbee_core.contracts.common import Digest
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job, JobOptions
from rbee_core.transfer import (
    ContentChangedError,
    RestartNeeded,
    Source,
    Tally,
    TryLaterError,
    budget,
    ranged,
    receive,
    retry,
    schedule,
    sparse,
)

SIZE = 40_000
VERSIONS = [hashlib.shake_256(bytes([number])).digest(SIZE) for number in range(3)]
ENDS = ["end", "reset", "timeout", "later", "ignored", "changed", "wrong", "more", "short", "final"]


class Wild:
    """Ranges that go wrong by chance, as often as ``trouble`` says, until ``calm`` requests were made."""

    def __init__(self, seed: int, trouble: float, ends: list[str], calm: int) -> None:
        self._chance = random.Random(seed)
        self._trouble, self._ends, self._calm = trouble, ends, calm
        self._lock = threading.Lock()
        self.asked = 0
        self.version = 0

    def source(self, digest: Digest | None, identity: str) -> Source:
        """The file, all of which is of the version that is met first, as its ETag would tell."""
        expected: list[int] = []

        def open_range(start: int, end: int) -> Iterator[bytes]:
            return self._give(start, end, expected)

        def open_at(offset: int) -> Iterator[bytes]:
            return open_range(offset, SIZE)

        renew = partial(self.source, digest, identity)
        return Source("m", open_at, SIZE, digest, identity, open_range=open_range, renew=renew)

    def _give(self, start: int, end: int, expected: list[int]) -> Iterator[bytes]:
        with self._lock:
            self.asked += 1
            wild = self.asked <= self._calm and self._chance.random() < self._trouble
            kind = self._chance.choice(self._ends) if wild else "end"
            stop = start + self._chance.randint(0, end - start) if wild else end
            if kind == "changed":
                self.version = (self.version + 1) % len(VERSIONS)
            expected[:] = expected or [self.version]
            if expected != [self.version]:
                raise ContentChangedError
            data = VERSIONS[self.version]
        if kind == "ignored":
            raise RestartNeeded
        for begin in range(start, stop, 700):
            piece = data[begin : min(begin + 700, stop)]
            yield bytes(len(piece)) if kind == "wrong" else piece
        if kind == "more":
            yield data[stop:end] + b"!" * 900
        errors = {"reset": ConnectionResetError("r"), "timeout": TimeoutError("t"), "later": TryLaterError("l", 0)}
        if kind in errors:
            raise errors[kind]
        if kind == "final":
            raise RbeeError(ErrorCode.AUTH_REQUIRED, "no")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BACKOFF", 0)
    monkeypatch.setattr(budget, "CALM", 0.01)
    monkeypatch.setattr(ranged, "RANGED_FROM", 1)
    monkeypatch.setattr(schedule, "SMALLEST", 1000)
    monkeypatch.setattr(schedule, "LARGEST", 4000)
    monkeypatch.setattr(schedule, "WORTH_SHARING", 1500)
    monkeypatch.setattr(schedule, "WORTH_SECONDS", 0)
    monkeypatch.setattr(sparse, "NOTED_EVERY", 0.0)
    monkeypatch.setattr(sparse, "SYNCED_EVERY", 0.0)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1 << 32),
    trouble=st.sampled_from([0.1, 0.5, 0.9]),
    ends=st.lists(st.sampled_from(ENDS), min_size=1, max_size=4),
    digested=st.booleans(),
    connections=st.sampled_from([1, 2, 8]),
)
@pytest.mark.usefixtures("small")
def test_the_promised_bytes_or_an_error(
    seed: int, trouble: float, ends: list[str], digested: bool, connections: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dest = Path(folder) / "model.gguf"
        for run in range(3):
            wild = Wild(seed + run, trouble, ends, calm=40)
            digest = Digest(f"sha256:{hashlib.sha256(VERSIONS[0]).hexdigest()}") if digested else None
            # Without a digest, what an earlier run kept is as good as the identity it goes by.
            identity = "same" if digested else f"run {run}"
            source = wild.source(digest, identity)
            job = Job(options=JobOptions(connections=connections, stall_timeout=5))
            tally = Tally(job, SIZE)
            try:
                file = receive(source, dest, tally)
            except RbeeError:
                assert not dest.exists()
                continue
            got = dest.read_bytes()
            if digested:
                assert got == VERSIONS[0]
            elif "wrong" not in ends:  # nothing but a digest can notice those
                assert got in VERSIONS, "two versions were mixed"
            assert file.digest == job.recorded_digest(dest) == f"sha256:{hashlib.sha256(got).hexdigest()}"
            assert tally.done == SIZE
            assert [path.name for path in Path(folder).iterdir()] == ["model.gguf"]
            return
