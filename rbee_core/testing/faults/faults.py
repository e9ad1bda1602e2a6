"""What can go wrong with the answers that carry a model's bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Outcomes of a download, as the command line tells them; OK is exit status 0.
OK = "OK"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong.

    It befalls answers to GET that belong to a large file (`FaultProxy.big`), not a server's small talk.

    :param about: what it is, for the table in the docs.
    :param outcomes: what may come of it: OK, which means the right bytes, or an error's code.
    :param times: how many answers it befalls; ``None`` for all.
    :param after: how many go well before.
    :param status: answer this instead, with ``headers``.
    :param cut_after: bytes of the body after which the connection is closed.
    :param stall_after: bytes of the body after which nothing comes any more.
    :param rate: bytes per second.
    :param ignore_range: send the whole file, whatever range is asked for.
    :param length: add this to the ``Content-Length``; the body stays as it is.
    :param corrupt: the body has the right length and wrong bytes.
    :param changed: it is another version of the file, of the same size: other bytes, another ETag.
    :param redirect: ``loop``, to the same address; ``elsewhere``, to another server that has the file.
    """

    about: str
    outcomes: frozenset[str] = frozenset({OK})
    times: int | None = 1
    after: int = 0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    stall_after: int | None = None
    rate: float | None = None
    ignore_range: bool = False
    length: int = 0
    corrupt: bool = False
    changed: bool = False
    redirect: str = ""


FAILED, MISMATCH = frozenset({"DOWNLOAD_FAILED"}), frozenset({"CHECKSUM_MISMATCH"})
WELL = frozenset({OK})

#: The matrix.
FAULTS: dict[str, Fault] = {
    "none": Fault("nothing goes wrong", times=0),
    "cut": Fault("three answers break off after 100 kB", times=3, cut_after=100_000),
    "cut at once": Fault("three answers break off before the first byte", times=3, cut_after=0),
    "cut always": Fault("every answer breaks off after 3 MB", times=None, cut_after=3_000_000),
    "stall": Fault("one answer falls silent after 100 kB", stall_after=100_000),
    "silent": Fault("every answer falls silent", frozenset({"DOWNLOAD_TIMEOUT"}), times=None, stall_after=0),
    "slow": Fault("2 MB/s for each connection", times=None, rate=2e6),
    "429": Fault("429 with Retry-After: 1, twice", times=2, status=429, headers={"Retry-After": "1"}),
    "503": Fault("a burst of five 503", times=5, status=503),
    "500 later": Fault("two 500 in the middle of it", times=2, after=1, status=500),
    "down": Fault("500 for ever", FAILED, times=None, status=500),
    "no ranges": Fault("Range is ignored", times=None, ignore_range=True),
    "a range ignored": Fault("Range is ignored once, in the middle of it", after=1, ignore_range=True),
    "length too long": Fault("Content-Length of one answer is 1000 bytes too long", length=1000),
    "length too short": Fault("Content-Length of one answer is 1000 bytes too short", length=-1000),
    "changed": Fault(
        "the file becomes another one on the way", WELL | FAILED | MISMATCH, times=None, after=1, changed=True
    ),
    "wrong once": Fault("one answer has wrong bytes of the right length", WELL | MISMATCH, corrupt=True),
    "wrong": Fault("all answers have wrong bytes of the right length", MISMATCH, times=None, corrupt=True),
    "redirect loop": Fault("it leads to itself", FAILED, times=None, redirect="loop"),
    "redirect": Fault("it leads to another server", WELL | FAILED, times=None, redirect="elsewhere"),
}

#: Bytes of another version, and of a broken one: each is exchanged for another.
CHANGED = bytes(byte ^ 0x5A for byte in range(256))
CORRUPT = bytes(byte ^ 0x55 for byte in range(256))
