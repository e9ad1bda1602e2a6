"""The share: where it is, who asks, and what it has."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

from rbee_core import ErrorCode, Job, RbeeError
from rbee_core.errors import UsageError
from rbee_core.selection import select
from rbee_core.transfer import Source
from rbee_core.transfer.http import HttpClient, http_source

from .listing import Entry, entries
from .sums import SUMS, with_digests


class Share:
    """One job's view of the share; a context manager.

    :raises UsageError: ``WEBDAV_URL`` is not set, or is no address.
    """

    def __init__(self, job: Job) -> None:
        self.url = os.environ.get("WEBDAV_URL", "").rstrip("/")
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise UsageError(
                "WEBDAV_URL is not the address of a share.",
                "Set it: https://cloud.example/dav/models",
            )
        self.job = job
        self.headers = _login()
        # Plain http is refused for all but this machine, unless the person says --insecure: the client sees to it.
        self.client = HttpClient(job)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()

    def find(self, path: str) -> list[Entry]:
        """The files that a reference's path means, looked up once in the whole job.

        :raises RbeeError: ``MODEL_NOT_FOUND``, ``AUTH_REQUIRED``, ``DOWNLOAD_FAILED``, ``UNSAFE_PATH``.
        """
        return self.job.once(("webdav", self.url, path), lambda: self._find(path.strip("/")))

    def source(self, file: Entry) -> Source:
        """Where the file's bytes are. The digest, or else the ETag, says which bytes a broken download goes on with."""
        return http_source(
            file.name,
            self._address(file.path),
            client=self.client,
            headers=self.headers,
            size=file.size,
            digest=file.digest,
            identity=str(file.digest or file.etag),
            expect=file.etag,
            refused=_refused,
        )

    def _find(self, path: str) -> list[Entry]:
        url = self._address(path)
        asked = {**self.headers, "Depth": "1"}
        answer = self.client.request("PROPFIND", url, headers=asked, what=path, refused=_refused)
        found = entries(answer.body, path)
        if len(found) == 1 and found[0].path == path:  # the reference names a file
            folder = path.rpartition("/")[0]
        else:
            folder, options = path, self.job.options
            wanted = set(select([file.name for file in found], options.include, options.exclude)) - {SUMS}
            found = [file for file in found if file.name in wanted]
        if not found:
            raise RbeeError(
                ErrorCode.MODEL_NOT_FOUND,
                f"There is no file to fetch in {path}.",
                "Look into the share.",
            )
        sums = self._address(f"{folder}/{SUMS}".strip("/"))
        listed = self.client.request("GET", sums, headers=self.headers, allow=(403, 404), limit=1 << 20)
        return with_digests(found, listed.body) if listed.status == 200 else found

    def _address(self, path: str) -> str:
        return f"{self.url}/{quote(path)}"


def _login() -> dict[str, str]:
    """The log-in of the environment. It never stands in a reference: those are stored, and shown."""
    user, password = os.environ.get("WEBDAV_USER", ""), os.environ.get("WEBDAV_PASSWORD", "")
    if not user:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")}


def _refused(status: int, headers: Mapping[str, str], body: bytes, url: str) -> RbeeError | None:
    """Better words than the usual ones, for two answers that people of a share will meet."""
    host = urlsplit(url).hostname
    if status in (401, 403):
        return RbeeError(
            ErrorCode.AUTH_REQUIRED,
            f"{host} does not let you in ({status}).",
            "Set WEBDAV_USER and WEBDAV_PASSWORD; for Nextcloud, make an app password in its settings.",
        )
    if status in (405, 501):
        return RbeeError(ErrorCode.DOWNLOAD_FAILED, f"{host} has no WebDAV share there.", "Look at WEBDAV_URL.")
    return None
