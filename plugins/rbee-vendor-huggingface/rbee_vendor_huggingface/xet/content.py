"""The content of a plan's terms, cut out of what is fetched for them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Generator, Iterator

from .chunks import Chunk, ChunkReader, XetError
from .plan import Fetch, Plan, Term

#: Chunks that a later term wants again are kept in memory, compressed; no more than this many bytes of them.
MOST_KEPT = 2 << 20
#: What is fetched for a span may be so many times its size, and so much more.
DEAR, ANYHOW = 2, 1 << 20
#: Unpacked bytes that are handed on at a time, more or less.
_AT_ONCE = 1 << 19

_Key = tuple[Fetch, int]


class TooDearError(Exception):
    """The span is in too many small pieces of too many xorbs: it costs more than it is worth."""


class Content:
    """The bytes of a plan's terms, one after the other, in pieces.

    :param fetch: brings the bytes behind a signed address.
    :param size: of the span that they are wanted for.
    """

    def __init__(self, plan: Plan, fetch: Callable[[Fetch], Generator[memoryview]], size: int) -> None:
        self._plan = plan
        self._fetch = fetch
        self._allowance = DEAR * size + ANYHOW
        self._room = MOST_KEPT
        self._kept: dict[_Key, Chunk] = {}
        terms = Counter(term.fetch for term in plan.terms)
        #: How often the chunks of what several terms are cut from are still wanted.
        self._wanted = Counter(
            (term.fetch, index)
            for term in plan.terms
            if terms[term.fetch] > 1
            for index in range(term.first, term.last)
        )

    def __iter__(self) -> Generator[bytes]:
        """Fetch, unpack and cut.

        :raises XetError: what came is not what was announced.
        :raises TooDearError: too much had to be fetched.
        :raises OSError: as ``fetch``.
        """
        for term in self._plan.terms:
            yield from self._term(term)

    def _term(self, term: Term) -> Iterator[bytes]:
        got = 0
        for batch in self._chunks(term):
            ready: list[bytes | bytearray | memoryview] = []
            room = _AT_ONCE
            for index, chunk in batch:
                if term.first <= index < term.last:
                    got += chunk.size
                    if got > term.size:
                        raise XetError("the storage sent more than it announced")
                    ready.append(chunk.content())
                    room -= chunk.size
                self._keep((term.fetch, index), chunk, used=term.first <= index < term.last)
                if room <= 0:
                    yield b"".join(ready)
                    ready, room = [], _AT_ONCE
            if ready:
                yield b"".join(ready)
        if got != term.size:
            raise XetError("the storage sent less than it announced")

    def _chunks(self, term: Term) -> Iterator[list[tuple[int, Chunk]]]:
        """At least the chunks of a term, with their indices; from memory, or as they arrive."""
        wanted = range(term.first, term.last)
        if all((term.fetch, index) in self._kept for index in wanted):
            yield [(index, self._kept[term.fetch, index]) for index in wanted]
            return
        reader, index = ChunkReader(), term.fetch.first
        with contextlib.closing(self._fetch(term.fetch)) as pieces:
            for piece in pieces:
                self._allowance -= len(piece)
                if self._allowance < 0:
                    raise TooDearError
                batch = list(enumerate(reader.chunks(piece), index))
                index += len(batch)
                if index > term.fetch.last:
                    break
                yield batch
                if term.last <= index < term.fetch.last:
                    return  # the rest is for others
        if index != term.fetch.last or reader.pending:
            raise XetError("the storage sent other chunks than it announced")

    def _keep(self, key: _Key, chunk: Chunk, *, used: bool) -> None:
        """Keep a chunk for the terms that want it later, and let go of one that none wants any more."""
        if key not in self._wanted:
            return
        self._wanted[key] -= used
        if not self._wanted[key]:
            if (done := self._kept.pop(key, None)) is not None:
                self._room += len(done.packed)
        elif key not in self._kept and len(chunk.packed) <= self._room:
            self._room -= len(chunk.packed)
            # A copy: the view would hold on to all that came with it.
            self._kept[key] = Chunk(chunk.scheme, chunk.size, memoryview(bytes(chunk.packed)))
