"""The digests taken of a file on its way: always sha256, and the one its source promised if that is another."""

from __future__ import annotations

import hashlib

from ..contracts.common import Digest
from .source import Source


class Hashes:
    """Running digests of one source's bytes."""

    def __init__(self, source: Source) -> None:
        self._sha256 = hashlib.sha256()
        self._expected = expected = source.digest
        self._other = None
        if expected is not None and (expected.algorithm != "sha256" or source.digest_prefix):
            self._other = hashlib.new(expected.algorithm, source.digest_prefix, usedforsecurity=False)

    def update(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        self._sha256.update(chunk)
        if self._other is not None:
            self._other.update(chunk)

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
        return self._expected is None or self.compared == self._expected
