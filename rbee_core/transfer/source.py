"""What a file that is to be received looks like to the receiver, and how the two talk about trouble."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..contracts.common import Digest

#: Bytes as they come: a view is good only until the next one is asked for.
Piece = bytes | memoryview
#: ``[start, end)`` of the file, and the digest of just these bytes.
PartDigest = tuple[int, int, Digest]


class RestartNeeded(Exception):  # noqa: N818 — not an error: a source says that it can only begin at byte 0
    """The source cannot start at the offset asked for."""


class ContentChangedError(RestartNeeded):
    """The file is not the one it was when the transfer began: what has arrived of it is worth nothing."""


class TryLaterError(ConnectionError):
    """The source asks for patience (HTTP 429 or 503 with ``Retry-After``).

    :param seconds: how long to wait, by the source's own account; 0 when it does not say.
    """

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Source:
    """One file somewhere else.

    ``open_at(offset)`` gives its bytes from there on. It raises ``OSError`` (``ConnectionError``, ``TimeoutError``,
    `TryLaterError`) for what is worth another try, `RbeeError` for what is not, `RestartNeeded` if it cannot start
    there, `ContentChangedError` if it is not the same file any more. It runs in a thread of its own and needs a
    time-out on its own reads.

    ``open_range(start, end)`` gives exactly the bytes of ``[start, end)``, in pieces that are each good until the next
    is asked for; it is called from many threads at once, and only where ``size`` is known. It raises the same, and
    `RestartNeeded` when the server ignores ranges. Where the iterator has an ``abort()``, another thread calls it to
    wake a blocked read; one without is read in a thread of its own.

    ``name`` is the file's name relative to the model's folder. ``identity`` says which bytes these are (a digest, an
    ETag, a version): a partial file is continued only if it was begun under the same identity and ``size``; an empty
    one is never continued by a later run. ``digest`` is checked, over ``digest_prefix`` followed by the content: a
    git blob's id, for one, is the sha1 over ``blob <size>\\0`` and the content. ``part_digests`` are the digests of
    spans that do not overlap; of a broken file only the spans that are wrong are fetched again.

    ``renew()`` is the same file as it is now. A source that noticed a change goes on to raise `ContentChangedError`, as
    some of its threads may not have heard of it; what is fetched anew is asked of the renewed one.
    """

    name: str
    open_at: Callable[[int], Iterator[bytes]]
    size: int | None = None
    digest: Digest | None = None
    identity: str = ""
    digest_prefix: bytes = b""
    open_range: Callable[[int, int], Iterator[Piece]] | None = None
    part_digests: tuple[PartDigest, ...] = ()
    renew: Callable[[], Source] | None = None

    def renewed(self) -> Source:
        """The source to ask after a change."""
        return self if self.renew is None else self.renew()
