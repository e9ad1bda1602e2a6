"""A file in Xet storage as a `Source` of the download engine: any span of it, decompressed, in order."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rbee_core.contracts import Level
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.transfer import Source
from rbee_core.transfer.http import Body

from .chunks import XetError
from .content import Content, TooDearError
from .plan import Fetch, Plan

if TYPE_CHECKING:
    from .cas import Cas

#: Bytes as they come: a view is good only until the next is asked for.
Piece = bytes | memoryview

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(?:\d+|\*)")
#: What a signed address answers when it has run out: a new plan has new ones.
_EXPIRED = frozenset({400, 401, 403, 404, 410})


class _ExpiredError(ConnectionError):
    """A signed address has run out."""


@dataclass(frozen=True, slots=True)
class XetFile:
    """One file: its Xet hash, where it is asked for, and the same file over plain HTTP."""

    hash: str
    cas: Cas
    plain: Source

    @property
    def name(self) -> str:
        """For messages."""
        return self.plain.name

    @property
    def size(self) -> int:
        """In bytes."""
        assert self.plain.size is not None
        return self.plain.size


def xet_source(file: XetFile) -> Source:
    """The file from Xet storage; over plain HTTP where that cannot be used, in the middle of it too.

    Which bytes it is, and their digest, is as over plain HTTP, so either goes on with what the other has fetched.
    """

    def open_at(offset: int) -> Iterator[bytes]:
        with contextlib.closing(XetRange(file, offset, None)) as pieces:
            for piece in pieces:
                yield bytes(piece)

    return replace(file.plain, open_at=open_at, open_range=lambda start, end: XetRange(file, start, end))


class XetRange:
    """Bytes ``[start, end)`` of a file, to its end if there is none; `abort` wakes a blocked read."""

    def __init__(self, file: XetFile, start: int, end: int | None) -> None:
        self._file = file
        self._cas = file.cas
        self._position = start
        self._to_the_end = end is None
        self._end = file.size if end is None else end
        self._reading: Any = None
        self._aborted = False
        self._pieces = self._read()

    def __iter__(self) -> Iterator[Piece]:
        return self

    def __next__(self) -> Piece:
        return next(self._pieces)

    def abort(self) -> None:
        """From another thread: end this now."""
        self._aborted = True
        if (reading := self._reading) is not None and hasattr(reading, "abort"):
            reading.abort()

    def close(self) -> None:
        """Give up what is left."""
        self._pieces.close()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _read(self) -> Generator[Piece]:
        renewed = -1
        while self._position < self._end:
            strikes = self._cas.strikes
            plan = self._plan()
            if plan is None:
                yield from self._through_http()
                return
            try:
                yield from self._from_xorbs(plan)
            except _ExpiredError as error:
                if renewed == self._position:
                    self._failed(strikes, error)
                renewed = self._position
            except TooDearError:
                human = f"{self._file.name}: a span is in too many pieces in Xet storage; going on over plain HTTP."
                self._cas.job.emit("transfer_xet_dear", human, level=Level.DEBUG)
                yield from self._through_http()
                return
            except XetError as error:
                self._cas.give_up(str(error))
            except RbeeError as error:
                if error.code is ErrorCode.CANCELLED:
                    raise
                self._cas.give_up(error.message)
            except OSError as error:
                self._failed(strikes, error)

    def _failed(self, strikes: int, error: OSError) -> None:
        """Have the engine try again, which counts and waits; unless that has been enough."""
        if not self._aborted:
            self._cas.failed(strikes, error)
            if not self._cas.usable:
                return
        raise error

    def _plan(self) -> Plan | None:
        """What to fetch for the rest; ``None`` if it is better had over plain HTTP."""
        if not self._cas.usable:
            return None
        try:
            return self._cas.plan(self._file.hash, self._file.name, self._position, self._end)
        except XetError as error:
            self._cas.give_up(str(error))
        except RbeeError as error:
            if error.code is ErrorCode.CANCELLED:
                raise
            self._cas.give_up(error.message)
        return None

    def _from_xorbs(self, plan: Plan) -> Generator[Piece]:
        skip = plan.skip
        content = iter(Content(plan, self._fetch, self._end - self._position))
        with contextlib.closing(content):
            for data in content:
                begin, skip = min(skip, len(data)), max(0, skip - len(data))
                piece = memoryview(data)[begin : begin + self._end - self._position]
                if not piece:
                    continue
                self._position += len(piece)
                self._cas.strikes = 0
                yield piece
                if self._position >= self._end:
                    return

    def _fetch(self, fetch: Fetch) -> Generator[memoryview]:
        """The bytes behind a signed address; nobody's credentials go there.

        :raises OSError: worth another try.
        """
        asked = {"Accept-Encoding": "identity", "Range": f"bytes={fetch.start}-{fetch.end - 1}"}
        exchange = self._cas.client.send("GET", fetch.url, asked)
        try:
            if exchange.status in _EXPIRED:
                raise _ExpiredError(f"the storage answered {exchange.status} for a part of {self._file.name}")
            if exchange.status >= 400:
                raise self._cas.client.refusal(exchange, f"a part of {self._file.name}", None)
            _check_range(exchange.status, exchange.headers, fetch)
        except BaseException:
            exchange.response.close()
            raise
        with self._wakeable(Body(exchange.response, fetch.size)) as body:
            got = 0
            for piece in body:
                got += len(piece)
                yield piece
        if got < fetch.size:
            raise ConnectionError(f"a part of {self._file.name} ended {fetch.size - got} bytes too early")

    def _through_http(self) -> Generator[Piece]:
        plain = self._file.plain
        if self._to_the_end or plain.open_range is None:
            pieces: Any = plain.open_at(self._position)
        else:
            pieces = plain.open_range(self._position, self._end)
        with self._wakeable(pieces):
            for piece in pieces:
                self._position += len(piece)
                yield piece

    @contextlib.contextmanager
    def _wakeable(self, pieces: Any) -> Iterator[Any]:
        self._reading = pieces
        try:
            if self._aborted:
                raise ConnectionError("stopped")
            yield pieces
        finally:
            self._reading = None
            pieces.close()


def _check_range(status: int, headers: Mapping[str, str], fetch: Fetch) -> None:
    """See that an answer is of the range that was asked for.

    :raises ConnectionError: it is not.
    """
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    if status != 206 or match is None or (int(match[1]), int(match[2]) + 1) != (fetch.start, fetch.end):
        raise ConnectionError("the storage sent something else than the range it was asked for")
    if headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
        raise XetError("the storage compressed what it sent, which it must not")
