"""What servers answer, and what the answers mean to a download."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from ...errors import ErrorCode, RbeeError
from ..source import TryLaterError

#: Words a refusal: ``refused(status, headers, body, url)`` gives an `RbeeError`, an ``OSError`` for what may be
#: different in a moment, or ``None`` for the usual words. ``body`` is the beginning of the server's answer.
Refused = Callable[[int, Mapping[str, str], bytes, str], RbeeError | OSError | None]

#: Statuses that may be different in a moment (RFC 9110, RFC 6585), beside those from 500 on.
_LATER = frozenset({408, 421, 425, 429})
#: Of those from 500 on, the ones that will not change by asking again.
_NEVER = frozenset({501, 505})


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer. ``headers`` ignores case; ``url`` is where it came from after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def json(self) -> Any:
        """The body as JSON.

        :raises RbeeError: ``DOWNLOAD_FAILED``: it is none.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise RbeeError(
                ErrorCode.DOWNLOAD_FAILED,
                f"{site(self.url)} did not answer with JSON.",
                "Look whether the address is right, and whether a proxy or a log-in page stands in between.",
            ) from None


def site(url: str) -> str:
    """Scheme, host and port of a URL: as much as may be shown of one that carries a signature or a password."""
    split = urlsplit(url)
    return f"{split.scheme}://{split.netloc.rpartition('@')[2]}"


def refusal(status: int, headers: Mapping[str, str], url: str, what: str) -> RbeeError | OSError:
    """The error for an answer of 400 or more that nobody has better words for."""
    host = site(url)
    if status in _LATER or (status >= 500 and status not in _NEVER):
        return try_later(f"{host} answered {status} for {what}", status, headers)
    if status in (401, 407):
        which = "The proxy" if status == 407 else host
        return RbeeError(
            ErrorCode.AUTH_REQUIRED,
            f"{which} wants to know who asks for {what} ({status}).",
            "Give the credentials that the vendor's documentation names.",
        )
    if status == 403:
        hint = "Look whether the account may read it, and whether a signed address has run out."
        return RbeeError(ErrorCode.AUTH_REQUIRED, f"{host} gives no access to {what} (403).", hint)
    if status in (404, 410):
        return RbeeError(ErrorCode.MODEL_NOT_FOUND, f"{host} has no {what} ({status}).", "Look for a typing error.")
    return RbeeError(ErrorCode.DOWNLOAD_FAILED, f"{host} refused {what} with status {status}.", "Try again later.")


def try_later(message: str, status: int, headers: Mapping[str, str]) -> OSError:
    """The error for a server that is busy or broken for now, with the patience that it asks for."""
    if status in (429, 503):
        return TryLaterError(message, retry_after(headers.get("Retry-After", "")))
    return ConnectionError(message)


def retry_after(text: str) -> float:
    """Seconds that a ``Retry-After`` asks for: a number, or a date (RFC 9110, 10.2.3); 0 for anything else."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return 0.0
