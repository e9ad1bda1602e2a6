"""One answer, and what can be read off it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...errors import RbeeError
from .body import Body

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

#: Headers as they are, or made anew for each request (tokens that run out, signatures with a time).
Headers = Mapping[str, str] | Callable[[], Mapping[str, str]]

#: Bytes of a refusal that are read to learn why.
REASON = 1 << 16
_TOTAL = re.compile(r"bytes (?:\d+-\d+|\*)/(\d+)")


@dataclass(frozen=True, slots=True)
class Probe:
    """What a server says of a file before it is fetched; ``size`` in bytes, ``None`` where it does not say.

    ``validator`` tells one version from another (a strong ETag, else a weak one, else the modification time); empty
    where there is none.
    """

    url: str
    size: int | None
    validator: str
    ranges: bool
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One answer whose body is still to be read, and what was sent where to get it."""

    response: BaseHTTPResponse
    url: str
    sent: Mapping[str, str]

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the answer; case does not matter."""
        return self.response.headers

    def beginning(self, limit: int) -> bytes:
        """At most ``limit`` bytes of the body; the rest is given up."""
        found = bytearray()
        try:
            for piece in Body(self.response, limit):
                found += piece
        except (OSError, RbeeError):
            pass  # it is only for the words of an error
        return bytes(found)


def probed(status: int, headers: Mapping[str, str], url: str) -> Probe:
    """What an answer to ``HEAD``, or to a request for the first byte, says of the file."""
    total = _TOTAL.match(headers.get("Content-Range", ""))
    length = headers.get("Content-Length", "")
    size = int(total[1]) if total else int(length) if status == 200 and length.isdigit() else None
    ranges = status == 206 or "bytes" in headers.get("Accept-Ranges", "").lower()
    return Probe(url, size, validator(headers), ranges, headers)


def validator(headers: Mapping[str, str]) -> str:
    """What tells one version of a file from another, of what the server says (RFC 9110, 8.8)."""
    return headers.get("ETag", "").strip() or headers.get("Last-Modified", "").strip()


def last_part(url: str) -> str:
    """The last part of a URL's path, or its host: enough to know it by in a message."""
    split = urlsplit(url)
    return split.path.rstrip("/").rpartition("/")[2][:120] or split.hostname or "the address"
