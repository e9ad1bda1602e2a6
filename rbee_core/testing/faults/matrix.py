"""The matrix: one test for each fault, the same for every vendor."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ...transfer.read import MAX_READ
from ..cli import RbeeHome
from ..drive import drive
from ..quick import quick_rbee
from .faults import FAULTS, OK, Fault
from .proxy import ON_THE_WAY, FaultProxy


@dataclass(frozen=True, slots=True)
class Upstream:
    """A real server with one large file (at least 12 MiB, so that it comes in ranges), and how to ask rbee for it.

    :param url: ``http://127.0.0.1:PORT``.
    :param sha256: of the file, 64 hex digits.
    :param ref: the reference, given the proxy's URL.
    :param env: more environment, given the proxy's URL.
    :param arguments: of ``rbee models download``, beside the reference.
    :param secrets: what must not be sent elsewhere, nor be told in a message.
    """

    url: str
    sha256: str
    ref: Callable[[str], str]
    env: Callable[[str], Mapping[str, str]] = lambda proxy: {}
    arguments: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a download came to; ``published`` are the sha256 of the files that became visible."""

    code: str
    message: str
    published: list[str] = field(default_factory=list)


class FaultMatrix:
    """Whatever goes wrong on the way, a vendor's user gets the right bytes or the right error; never a wrong byte.

    Subclass it and override `upstream`. The name of the vendor in the table is ``vendor``, or the test's file.
    """

    vendor = ""
    #: Beside the usual ones: outcomes that a vendor's protocol makes right, by fault; say why where they are set.
    also: Mapping[str, frozenset[str]] = {}

    @pytest.fixture
    def upstream(self) -> Upstream:
        """The real server."""
        raise NotImplementedError("override the fixture `upstream`")

    @pytest.fixture
    def proxy(self, upstream: Upstream) -> Iterator[FaultProxy]:
        """The proxy in front of it."""
        with FaultProxy(upstream.url) as proxy:
            yield proxy

    @pytest.mark.slow
    @pytest.mark.parametrize("name", FAULTS)
    def test_the_right_bytes_or_the_right_error(
        self, name: str, upstream: Upstream, proxy: FaultProxy, rbee: RbeeHome
    ) -> None:
        fault = FAULTS[name]
        proxy.set(fault)
        outcome = self.download(upstream, proxy, rbee, stall=0.5 if name == "silent" else 2)
        self.record(name, outcome, proxy)
        assert outcome.code in fault.outcomes | self.also.get(name, frozenset()), outcome.message
        assert proxy.fetched, "the fault befell nothing: is the file large enough?"
        if outcome.code == OK:
            assert upstream.sha256 in outcome.published
        else:
            assert outcome.published == []
        for secret in upstream.secrets:
            assert secret not in outcome.message
        for passed in proxy.requests:
            if passed.elsewhere:
                assert not {"authorization", "cookie"} & set(passed.headers)
                assert not any(secret in str(passed.headers) for secret in upstream.secrets)
        # What failed for now succeeds later, with what was kept.
        proxy.set(None)
        again = self.download(upstream, proxy, rbee, stall=10)
        assert again.code == OK, again.message
        assert upstream.sha256 in again.published

    def test_a_part_is_read_where_it_is(self, upstream: Upstream, proxy: FaultProxy, rbee: RbeeHome) -> None:
        """The hook ``read_model``: the right bytes, though the line breaks, and hardly more of them than were asked."""
        env = {**rbee.environment, **upstream.env(proxy.url)}
        parts = [(0, 4096), (5_000_003, 70_001), (0, MAX_READ)]
        proxy.set(FAULTS["cut"])
        reads = [("", *part) for part in parts]
        read = drive("read_model", upstream.ref(proxy.url), env=env, backoff=0.01, reads=reads)
        assert "result" in read, read["output"]
        found = [bytes.fromhex(part) for part in read["result"]]
        assert hashlib.sha256(found[-1]).hexdigest() == upstream.sha256
        assert found == [found[-1][start : start + length] for start, length in parts]
        # What lies in the buffers of a connection that is given up counts as sent.
        assert proxy.bytes_sent < sum(len(part) for part in found) + 2 * ON_THE_WAY
        for passed in proxy.requests:
            assert not (passed.elsewhere and {"authorization", "cookie"} & set(passed.headers))

    @pytest.mark.slow
    def test_killed_at_sixty_percent_less_than_half_is_fetched_again(
        self, upstream: Upstream, proxy: FaultProxy, rbee: RbeeHome
    ) -> None:
        proxy.set(Fault("slow enough to be killed on the way", times=None, rate=0.5e6))
        arguments = ("models", "download", upstream.ref(proxy.url), "--connections", "4", *upstream.arguments)
        process = rbee.start(*arguments, env=upstream.env(proxy.url))
        deadline = time.monotonic() + 60
        while not proxy.fetched or proxy.bytes_sent - ON_THE_WAY < 0.6 * proxy.fetched[0].size:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.kill()
        process.communicate()
        size, before = proxy.fetched[0].size, proxy.bytes_sent
        assert before < size, "it was complete before it was killed: is the file large enough?"
        # Not at full speed: what lies in the buffers of a connection that is given up would count as fetched.
        proxy.set(Fault("slow", times=None, rate=2e6))
        again = self.download(upstream, proxy, rbee, stall=10)
        assert again.code == OK, again.message
        assert upstream.sha256 in again.published
        fetched = proxy.bytes_sent - before
        assert fetched < 0.45 * size, f"fetched {fetched} of {size} again, though {before} had come"

    def download(self, upstream: Upstream, proxy: FaultProxy, rbee: RbeeHome, *, stall: float) -> Outcome:
        """Run ``rbee models download``, as a user does."""
        done = quick_rbee(
            rbee,
            *("models", "download", upstream.ref(proxy.url), "--json", "--stall-timeout", str(stall)),
            *upstream.arguments,
            env=upstream.env(proxy.url),
        )
        assert "Traceback" not in done.stderr, done.stderr
        published = [_sha256(path) for path in (rbee.models / "models").rglob("*") if path.is_file()]
        if done.returncode == 0:
            return Outcome(OK, done.stderr, published)
        assert done.returncode == 1, done.stderr
        try:
            error = json.loads(done.stderr[done.stderr.index('{"error"') :])["error"]
        except ValueError:
            error = json.loads(done.stderr[done.stderr.index("{") :])["error"]
        return Outcome(error["code"], done.stderr, published)

    def record(self, name: str, outcome: Outcome, proxy: FaultProxy) -> None:
        """Add a line to the file that ``RBEE_FAULT_TABLE`` names, for the table in the docs."""
        if path := os.environ.get("RBEE_FAULT_TABLE"):
            vendor = self.vendor or type(self).__module__.rpartition(".")[2]
            line = {"vendor": vendor, "fault": name, "outcome": outcome.code, "requests": len(proxy.fetched)}
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
