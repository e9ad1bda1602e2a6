"""One file's bytes over HTTP, on huggingface_hub's own session (its proxies, certificates and off switches)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.transfer import RestartNeeded

from .refusals import refusal

if TYPE_CHECKING:
    import httpx2

    from .hub import Hub
    from .listing import RepoFile, Repository

#: The Hub's delivery network refuses to send more than 50 GB in one answer; longer files are asked for in spans.
SPAN = 32 * 10**9
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class RemoteFile:
    """One file of one commit; ``open_at`` is what `rbee_core.transfer.Source` wants.

    :param stall: seconds without a byte before a connection is given up.
    """

    def __init__(self, hub: Hub, repository: Repository, file: RepoFile, stall: float) -> None:
        self._hub = hub
        self._repo = repository.repo
        self._file = file
        self._stall = stall
        self._url = hub.url(repository.repo, repository.commit, file.path)

    def open_at(self, offset: int) -> Iterator[bytes]:
        """The bytes from ``offset`` on.

        :raises OSError: worth another try.
        :raises RestartNeeded: the server begins at 0, whatever it is asked.
        :raises RbeeError: ``AUTH_REQUIRED``, ``MODEL_NOT_FOUND``, ``DOWNLOAD_FAILED``.
        """
        while offset < self._file.size:
            end = min(offset + SPAN, self._file.size)
            before = offset
            for chunk in self._span(offset, end):
                offset += len(chunk)
                yield chunk
            if offset < end or offset == before:
                return  # cut short, which the receiver sees by itself

    def _span(self, offset: int, end: int) -> Iterator[bytes]:
        import httpx2
        from huggingface_hub import get_session

        headers = self._hub.headers | {"Accept-Encoding": "identity"}
        if offset or end < self._file.size:
            headers["Range"] = f"bytes={offset}-{end - 1 if end < self._file.size else ''}"
        timeout = httpx2.Timeout(self._stall)
        try:
            # Redirected to another host, the session leaves the token behind.
            with get_session().stream(
                "GET", self._url, headers=headers, timeout=timeout, follow_redirects=True
            ) as response:
                self._check(response, offset)
                yield from response.iter_raw()  # pieces as they come: what arrived before a cut is kept
        except httpx2.TimeoutException:
            raise TimeoutError(f"no byte for {self._stall:g} seconds") from None
        except (httpx2.TransportError, httpx2.TooManyRedirects, httpx2.StreamError) as error:
            raise ConnectionError(f"the connection broke: {error or type(error).__name__}") from None

    def _check(self, response: httpx2.Response, offset: int) -> None:
        """Whether this answer is the bytes that were asked for."""
        if response.status_code == 416:
            raise RestartNeeded
        if response.status_code >= 400:
            raise self._refused(response)
        if response.headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
            raise RbeeError(
                ErrorCode.DOWNLOAD_FAILED,
                f"{self._file.path} came compressed, which it must not be.",
                "A proxy in between changes what it passes on; try without it.",
            )
        if response.status_code == 200:
            if offset:
                raise RestartNeeded
            return
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status_code != 206 or match is None or int(match[1]) != offset:
            raise ConnectionError(f"the server answered {response.status_code} with another range than was asked for")
        if match[3] not in ("*", str(self._file.size)):
            raise RbeeError(
                ErrorCode.DOWNLOAD_FAILED,
                f"{self._file.path} has {match[3]} bytes on the server, but the Hub lists {self._file.size}.",
                "The mirror or delivery network is out of step with the Hub; try again later.",
            )

    def _refused(self, response: httpx2.Response) -> RbeeError | OSError:
        if response.history and response.url.netloc != response.history[0].url.netloc:
            # Not the Hub's own word: a signed address that ran out, for one. The next try gets a new one.
            return ConnectionError(f"{response.url.host} answered {response.status_code}")
        return refusal(response, self._repo, what=self._file.path, token=self._hub.has_token)
