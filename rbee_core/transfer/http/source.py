"""A file behind a URL, as a `Source`."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ...contracts.common import Digest
from ...errors import ErrorCode, RbeeError
from ..source import ContentChangedError, PartDigest, Piece, RestartNeeded, Source
from .answers import Refused
from .body import Body
from .client import HttpClient
from .exchange import Exchange, Headers, validator

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
#: Answers of a place that a redirect led to which mean that it has to be asked for anew: a signature ran out.
_EXPIRED = frozenset({400, 401, 403, 404, 410})


def http_source(
    name: str,
    url: str | Callable[[], str],
    *,
    client: HttpClient,
    headers: Headers | None = None,
    size: int | None = None,
    digest: Digest | None = None,
    identity: str = "",
    digest_prefix: bytes = b"",
    part_digests: tuple[PartDigest, ...] = (),
    expect: str = "",
    refused: Refused | None = None,
) -> Source:
    """A file that ``GET url`` gives, fetched in ranges where its size is known.

    Where a redirect led is remembered, and asked directly while that works. Without ``digest``, an answer that is of
    another version than the first (by ETag, modification time or size) starts the transfer over.

    :param url: or what makes it anew for each request.
    :param headers: of each request, or what makes them; credentials among them go to the URL's own host only.
    :param expect: the version that `HttpClient.probe` told (``validator``): the first answer is held against it, too.
    :param refused: words for an answer of 400 or more.
    """
    facts = (digest, identity, digest_prefix)
    remote = _Remote(name, url, client, headers or {}, size, None if digest else expect, digest is not None, refused)

    def made(remote: _Remote) -> Source:
        ranges = remote.open_range if size is not None else None
        return Source(name, remote.open_at, size, *facts, ranges, part_digests, renew=lambda: made(remote.renewed()))

    return made(remote)


@dataclass
class _Remote:
    name: str
    url: str | Callable[[], str]
    client: HttpClient
    headers: Headers
    size: int | None
    expected: str | None
    digested: bool
    refused: Refused | None
    #: Where the last redirect led, and what is to be sent there.
    direct: tuple[str, Mapping[str, str]] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def open_at(self, offset: int) -> Iterator[bytes]:
        """The bytes from ``offset`` to the end."""
        pieces = Range(self, offset, None)
        try:
            for piece in pieces:
                yield bytes(piece)
        finally:
            pieces.close()

    def open_range(self, start: int, end: int) -> Range:
        """The bytes of ``[start, end)``."""
        return Range(self, start, end)

    def ask(self, start: int, end: int | None) -> Exchange:
        """Send the request for a range, and see that the answer is of it.

        :raises OSError: worth another try.
        :raises RestartNeeded: the server sends something else than the range.
        """
        asked = {"Accept-Encoding": "identity"}
        if start or end is not None:
            asked["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        exchange = self._reach(asked)
        try:
            self._check(exchange, start, end)
        except BaseException:
            exchange.response.close()
            raise
        return exchange

    def _reach(self, asked: Mapping[str, str]) -> Exchange:
        if (direct := self.direct) is not None:
            self.direct = None  # until it has answered well: the next place may be in better health
            exchange = self.client.send("GET", direct[0], {**direct[1], **asked})
            if exchange.status < 400:
                self.direct = direct
            if exchange.status not in _EXPIRED:
                return exchange
            exchange.response.close()
        url = self.url() if callable(self.url) else self.url
        headers = self.headers() if callable(self.headers) else self.headers
        exchange = self.client.send("GET", url, {**headers, **asked})
        if exchange.url != url and exchange.status < 400:
            kept = {name: value for name, value in exchange.sent.items() if name not in asked and name != "Range"}
            self.direct = exchange.url, kept
        return exchange

    def _check(self, exchange: Exchange, start: int, end: int | None) -> None:
        status, headers = exchange.status, exchange.headers
        if status == 416:
            raise RestartNeeded
        if status >= 400:
            raise self.client.refusal(exchange, self.name, self.refused)
        if headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
            raise RbeeError(
                ErrorCode.DOWNLOAD_FAILED,
                f"{self.name} came compressed, which it must not be.",
                "A proxy in between changes what it passes on; try without it.",
            )
        if status not in (200, 206):
            raise ConnectionError(f"the server answered {status}")
        self._compare_version(exchange)
        if status == 200 and "Content-Range" not in headers:  # some servers (rclone's S3) send a range and call it 200
            if start or (end is not None and end != self.size):
                raise RestartNeeded
            return
        match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
        if match is None or int(match[1]) != start:
            raise RestartNeeded
        self._compare_size(match[3])

    def _compare_size(self, total: str) -> None:
        if self.size is None or total in ("*", str(self.size)):
            return
        raise RbeeError(
            ErrorCode.DOWNLOAD_FAILED,
            f"{self.name} has {total} bytes on the server, but {self.size} were announced.",
            "The server, or a mirror of it, is out of step with what it lists; try again later.",
        )

    def _compare_version(self, exchange: Exchange) -> None:
        """Notice a file that was exchanged on the server. A digest does that better: it knows replicas for the same."""
        seen = validator(exchange.headers)
        if self.digested or not seen:
            return
        with self.lock:
            if not self.expected:
                self.expected = seen
            if self.expected != seen:
                raise ContentChangedError

    def renewed(self) -> _Remote:
        """The file as it is now: of whatever version the next answer is."""
        return replace(self, expected=None, direct=None, lock=threading.Lock())


class Range:
    """Some bytes of a remote file, asked for when the first is wanted; `abort` wakes a blocked read."""

    def __init__(self, remote: _Remote, start: int, end: int | None) -> None:
        self._remote = remote
        self._start = start
        self._end = end
        self._body: Body | None = None
        self._aborted = False

    def __iter__(self) -> Iterator[Piece]:
        return self

    def __next__(self) -> Piece:
        if self._aborted:
            raise ConnectionError("stopped")
        if self._body is None:
            exchange = self._remote.ask(self._start, self._end)
            limit = None if self._end is None else self._end - self._start
            self._body = Body(exchange.response, limit)
            if self._aborted:
                self._body.close()
                raise ConnectionError("stopped")
        return next(self._body)

    def abort(self) -> None:
        """From another thread: end this now."""
        self._aborted = True
        if self._body is not None:
            self._body.abort()

    def close(self) -> None:
        """Give up what is left."""
        if self._body is not None:
            self._body.close()
