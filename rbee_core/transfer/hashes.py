"""The digests taken of a file on its way: always sha256, and what else its source promised."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

from ..contracts.common import Digest
from .source import Source

#: From so many bytes on, two digests are taken in two threads; below, handing over costs more than it brings.
_WORTH_A_THREAD = 128 << 10


class Hashes:
    """Running digests of one source's bytes, which are given to it from the first to the last.

    Beside sha256 an MD5, say, or the digests of parts may be taken: in a thread of its own, at the same time.

    :param spans: hold the source's ``part_digests`` against the bytes, too; done anyway where it has no other digest.
    """

    def __init__(self, source: Source, *, spans: bool = False) -> None:
        self.position = 0
        #: Parts whose bytes are not the promised ones.
        self.wrong: list[tuple[int, int]] = []
        self._sha256 = hashlib.sha256()
        self._expected = expected = source.digest
        self._other = None
        if expected is not None and (expected.algorithm != "sha256" or source.digest_prefix):
            self._other = hashlib.new(expected.algorithm, source.digest_prefix, usedforsecurity=False)
        wanted = source.part_digests if spans or expected is None else ()
        self._spans = sorted(wanted, reverse=True)
        self._span: Any = None

    def update(self, chunk: bytes | memoryview) -> None:
        """Take in the next bytes."""
        if self._other is None and not self._spans:
            self._sha256.update(chunk)
        elif len(chunk) < _WORTH_A_THREAD:
            self._sha256.update(chunk)
            self._update_others(chunk)
        else:
            others = self._thread.submit(self._update_others, chunk)
            self._sha256.update(chunk)
            others.result()
        self.position += len(chunk)

    @property
    def sha256(self) -> Digest:
        """The content's own digest."""
        return Digest(f"sha256:{self._sha256.hexdigest()}")

    @property
    def compared(self) -> Digest:
        """The digest that is held against the promised one."""
        if self._other is None or self._expected is None:
            return self.sha256
        return Digest(f"{self._expected.algorithm}:{self._other.hexdigest()}")

    @property
    def matches(self) -> bool:
        """Whether the bytes are the promised ones; true where nothing was promised."""
        return not self.wrong and (self._expected is None or self.compared == self._expected)

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        """It ends when this object does."""
        return ThreadPoolExecutor(1, thread_name_prefix="rbee-hash")

    def _update_others(self, chunk: bytes | memoryview) -> None:
        if self._other is not None:
            self._other.update(chunk)
        if self._spans:
            self._update_spans(memoryview(chunk))

    def _update_spans(self, chunk: memoryview) -> None:
        position = self.position
        while chunk and self._spans:
            start, end, digest = self._spans[-1]
            skipped = min(max(0, start - position), len(chunk))
            position, chunk = position + skipped, chunk[skipped:]
            if not chunk:
                return
            if self._span is None:
                self._span = hashlib.new(digest.algorithm, usedforsecurity=False)
            taken = min(end - position, len(chunk))
            self._span.update(chunk[:taken])
            position, chunk = position + taken, chunk[taken:]
            if position >= end:
                if self._span.hexdigest() != digest.hex:
                    self.wrong.append((start, end))
                self._span = None
                self._spans.pop()
