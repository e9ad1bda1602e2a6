"""One bucket, spoken to over Object Storage's REST API with the core's HTTP client and the SDK's signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.transfer.buckets import all_pages

from .objects import OracleObject, from_headers
from .refusals import Words, archived

if TYPE_CHECKING:
    from rbee_core.transfer import Source
    from rbee_core.transfer.http import HttpClient

    from .account import Account

#: Objects listed in one answer; the most that the API gives.
_PAGE = 1000


class OracleBucket:
    """A bucket as an account sees it (Object Storage Service API, 20160918)."""

    def __init__(self, name: str, namespace: str, account: Account, client: HttpClient) -> None:
        self.url = f"oci://{name}@{namespace}/"
        self._account = account
        self._client = client
        self._base = f"{account.base}/n/{quote(namespace, safe='')}/b/{quote(name, safe='')}/o"

    def head(self, key: str, name: str, version: str | None = None) -> OracleObject | None:
        """Describe one object; ``None`` if there is none.

        :raises RbeeError: ``AUTH_REQUIRED``, ``DOWNLOAD_FAILED``, ``DOWNLOAD_TIMEOUT``, ``CANCELLED``.
        """
        what, url = self.url + key, self._address(key, version)
        headers = self._account.sign("HEAD", url)
        words = Words(what, self._account)
        answer = self._client.request("HEAD", url, headers=headers, what=what, allow=(404,), refused=words)
        if answer.status == 404:
            return None
        try:
            found = from_headers(key, name, answer.headers)
        except (KeyError, ValueError):
            raise self._stranger() from None
        if found.archived:
            raise archived(what)
        return found

    def keys(self, prefix: str) -> list[str]:
        """The names of all objects that begin so, but for the empty ones that stand for folders.

        :raises RbeeError: as `head`, and ``MODEL_NOT_FOUND``: there is no such bucket.
        """
        what = (self.url + prefix).rstrip("/")

        def page(start: str | None) -> tuple[list[str], str | None]:
            query = {
                "prefix": prefix,
                "fields": "name,size",
                "limit": str(_PAGE),
                **({"start": start} if start else {}),
            }
            url = f"{self._base}?{urlencode(query, quote_via=quote, safe='')}"
            headers = self._account.sign("GET", url)
            words = Words(what, self._account)
            answer = self._client.request("GET", url, headers=headers, what=what, refused=words).json()
            return self._listed(answer)

        return all_pages(page, what)

    def source(self, found: OracleObject) -> Source:
        """The object's bytes, each request signed anew and pinned to what `head` saw."""
        from rbee_core.transfer.http import http_source

        url = self._address(found.key, found.version)
        pinned = {"If-Match": found.etag} if found.etag else {}
        return http_source(
            found.name,
            url,
            client=self._client,
            headers=lambda: {**self._account.sign("GET", url), **pinned},
            size=found.size,
            digest=found.digest,
            identity=str(found.sha256 or f"etag:{found.etag}"),
            expect=found.etag,
            refused=Words(self.url + found.key, self._account),
        )

    # --- inside -----------------------------------------------------------------------------------------------------

    def _address(self, key: str, version: str | None) -> str:
        query = f"?versionId={quote(version, safe='')}" if version else ""
        return f"{self._base}/{quote(key, safe='')}{query}"

    def _listed(self, answer: Any) -> tuple[list[str], str | None]:
        try:
            found = [(entry["name"], entry.get("size")) for entry in answer["objects"]]
            following = answer.get("nextStartWith")
        except (TypeError, KeyError, AttributeError):
            raise self._stranger() from None
        if not all(isinstance(name, str) for name, _size in found) or not isinstance(following, str | None):
            raise self._stranger()
        return [name for name, size in found if size or not name.endswith("/")], following

    def _stranger(self) -> RbeeError:
        return RbeeError(
            ErrorCode.DOWNLOAD_FAILED,
            f"{self._account.host} did not answer as Object Storage does.",
            "Look at the region and the endpoint, and whether a proxy stands in between.",
        )
