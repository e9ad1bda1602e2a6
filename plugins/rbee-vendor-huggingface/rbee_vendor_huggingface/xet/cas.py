"""The storage's own server (CAS, content-addressed storage): tokens from the Hub, plans, and when to stop asking."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rbee_core.contracts import Level
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.transfer.http import HttpClient, Response

from .chunks import XetError
from .plan import Plan, parse_plan

if TYPE_CHECKING:
    from rbee_core import Job

#: Seconds before its end at which a token is not used any more.
_SAFETY = 60
#: Times in a row, without a byte in between, that fetching may fail before it is done without Xet.
STRIKES = 3
#: The longest token or address that the Hub may give, in bytes (https://huggingface.co/docs/xet/auth).
_MAX_FIELD = 64_000
#: Answers of a server that knows only version 1 of the question.
_OLD = frozenset({404, 501})


@dataclass(frozen=True, slots=True)
class _Access:
    """Where the storage is, the token that opens it, and until when (seconds since the epoch)."""

    url: str
    token: str
    until: float


class Cas:
    """The Xet storage of one repository at one commit, for one job; from any thread.

    It is trusted with nothing: what it answers is checked, the Hub's token is not sent to it, its own token goes
    nowhere else. When it cannot be used, ``usable`` becomes false for the rest of the job, and a warning tells why.

    :param token_url: where the Hub gives tokens for it.
    :param headers: that the Hub wants, with the user's token.
    """

    def __init__(self, client: HttpClient, job: Job, token_url: str, headers: Mapping[str, str]) -> None:
        self.client = client
        self.job = job
        self.usable = True
        self.strikes = 0
        self._token_url = token_url
        self._headers = headers
        self._access: _Access | None = None
        self._version = 2
        self._lock, self._admitting = threading.Lock(), threading.Lock()

    def plan(self, file: str, name: str, start: int, end: int) -> Plan:
        """How bytes ``[start, end)`` of a file are put together.

        :param file: its Xet hash.
        :param name: for messages.
        :raises XetError: it cannot be told, or the answer cannot be right.
        :raises RbeeError: as `HttpClient.request`.
        """
        asked = {"Range": f"bytes={start}-{end - 1}"}
        what = f"the parts of {name}"
        answer = self._ask(file, what, asked)
        if answer.status in _OLD and self._version == 2:
            self._version = 1
            answer = self._ask(file, what, asked)
        if answer.status >= 400:
            raise XetError(f"the storage answered {answer.status} for {what}")
        encrypted = answer.url.startswith("https:")
        return parse_plan(answer.json(), end - start, lambda url: _is_allowed(url, encrypted=encrypted))

    def give_up(self, why: str) -> None:
        """Ask it nothing more in this job."""
        with self._lock:
            if not self.usable:
                return
            self.usable = False
        why = why.rstrip(".")
        human = f"The Hub's Xet storage cannot be used: {why}. Going on over plain HTTP."
        self.job.emit("transfer_without_xet", human, level=Level.WARN, reason=why)

    def failed(self, strikes: int, error: OSError) -> None:
        """Fetching from it failed for now; too often in a row, and it is given up.

        :param strikes: that were counted when the attempt began. What fails side by side counts once.
        """
        with self._lock:
            if self.strikes == strikes:
                self.strikes += 1
            enough = self.strikes >= STRIKES
        if enough:
            self.give_up(str(error) or type(error).__name__)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _ask(self, file: str, what: str, asked: Mapping[str, str]) -> Response:
        access = self._admission(None)
        answer = self._reconstruction(access, file, what, asked)
        if answer.status == 401:
            answer = self._reconstruction(self._admission(access), file, what, asked)
        return answer

    def _reconstruction(self, access: _Access, file: str, what: str, asked: Mapping[str, str]) -> Response:
        url = f"{access.url}/v{self._version}/reconstructions/{file}"
        headers = {"Authorization": f"Bearer {access.token}", **asked}
        return self.client.request("GET", url, headers=headers, what=what, allow=(400, 401, 403, 404, 416, 501))

    def _admission(self, refused: _Access | None) -> _Access:
        """A token that should open it.

        :param refused: one that did not.
        """
        with self._admitting:
            access = self._access
            if access is None or access is refused or access.until < time.time() + _SAFETY:
                if not self.usable:  # another waited here before, in vain
                    raise XetError("it was given up")
                access = self._access = self._admitted()
            return access

    def _admitted(self) -> _Access:
        try:
            answer = self.client.request("GET", self._token_url, headers=self._headers, what="a token for Xet")
            return _parse_access(answer)
        except RbeeError as error:
            if error.code is not ErrorCode.CANCELLED:
                self.give_up(error.message)
            raise
        except XetError as error:
            self.give_up(str(error))
            raise


def _parse_access(answer: Response) -> _Access:
    found: Any = answer.json()
    try:
        url, token, until = found["casUrl"], found["accessToken"], found["exp"]
    except (KeyError, TypeError):
        raise XetError("the Hub gave no token for it") from None
    if not isinstance(until, int) or not _is_word(url) or not _is_word(token):
        raise XetError("the Hub's token for it is none")
    if not _is_allowed(url, encrypted=answer.url.startswith("https:")):
        raise XetError("the Hub named an address for it that is not to be asked")
    return _Access(url.rstrip("/"), token, until)


def _is_word(text: Any) -> bool:
    fits = isinstance(text, str) and 0 < len(text) <= _MAX_FIELD
    return fits and text.isascii() and text.isprintable() and " " not in text


def _is_allowed(url: str, *, encrypted: bool) -> bool:
    """Whether a server may send us there: to http or https, never from https to http, and with no credentials in it.

    Where plain http may be spoken at all, the client decides.
    """
    try:
        split = urlsplit(url)
        host, _port = split.hostname, split.port
    except ValueError:
        return False
    schemes = ("https",) if encrypted else ("https", "http")
    return split.scheme in schemes and bool(host) and "@" not in split.netloc
