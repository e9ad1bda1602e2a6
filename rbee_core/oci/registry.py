"""`Registry`: one repository's manifests and blobs, each held against its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..contracts.common import Digest
from ..errors import ErrorCode, RbeeError
from .address import Address
from .auth import Authenticator, Signer
from .manifest import ACCEPT, MAX_MANIFEST, Descriptor, Index, Manifest, choose, parse

if TYPE_CHECKING:
    from ..jobs import Job
    from ..transfer import Source
    from ..transfer.http import Response

#: The largest blob that is read into memory, in bytes, unless a caller says otherwise.
SMALL = 1 << 20
#: An index may name an index; nobody needs more than this many.
_MAX_DEPTH = 3
_TRIES = 4


class Registry:
    """One repository, for one job; safe to use from many threads.

    :param signer: how this registry wants requests for tokens signed, if it does.
    :raises RbeeError: ``DOWNLOAD_FAILED``, when the job is to stay offline.
    """

    def __init__(self, address: Address, job: Job, *, signer: Signer | None = None) -> None:
        from ..transfer.http import HttpClient

        self.address = address
        self._client = HttpClient(job, plain=address.plain)
        self._auth = Authenticator(address, self._client, signer)

    def manifest(self, reference: str) -> Manifest:
        """The manifest of a tag or digest; of an index, the manifest that is meant.

        :raises RbeeError: ``MODEL_NOT_FOUND``, ``AUTH_REQUIRED``, ``CHECKSUM_MISMATCH``, ``DOWNLOAD_FAILED``,
            ``DOWNLOAD_TIMEOUT``, ``CANCELLED``.
        """
        what = self._name(reference)
        for _depth in range(_MAX_DEPTH):
            found = self._manifest(reference, what)
            if isinstance(found, Manifest):
                return found
            reference = choose(found, what).digest
        raise RbeeError(
            ErrorCode.DOWNLOAD_FAILED, f"{what} is an index of indexes of indexes.", "Name a manifest by its digest."
        )

    def small_blob(self, blob: Descriptor, limit: int = SMALL) -> bytes:
        """A blob's bytes, verified; for configurations and short texts.

        :raises RbeeError: as `manifest`; ``DOWNLOAD_FAILED`` also for one longer than ``limit``.
        """
        what = f"a part of {self.address} ({blob.media_type})"
        if blob.size > limit:
            raise RbeeError(
                ErrorCode.DOWNLOAD_FAILED,
                f"{what} has {blob.size} bytes, where {limit} would be many.",
                "This artifact is broken or hostile; tell its owner.",
            )
        answer = self._get(self.address.blob_url(blob.digest), {}, what, limit=max(blob.size, 1))
        _check(answer.body, blob.digest, what)
        return answer.body

    def blob(self, blob: Descriptor, name: str) -> Source:
        """A blob as a file to receive, its digest checked on the way; redirects are followed without credentials."""
        from ..transfer.http import http_source

        return http_source(
            name,
            self.address.blob_url(blob.digest),
            client=self._client,
            headers=self._auth.headers,
            size=blob.size,
            digest=blob.digest,
            identity=blob.identity,
            refused=self._refused_blob,
        )

    def close(self) -> None:
        """Close idle connections; the next request opens new ones."""
        self._client.close()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _name(self, reference: str) -> str:
        return f"{self.address}{'@' if ':' in reference else ':'}{reference}"

    def _manifest(self, reference: str, what: str) -> Manifest | Index:
        url = self.address.manifest_url(reference)
        answer = self._get(url, {"Accept": ", ".join(ACCEPT)}, what, limit=MAX_MANIFEST)
        digest = Digest(f"sha256:{hashlib.sha256(answer.body).hexdigest()}")
        told = answer.headers.get("Docker-Content-Digest", "")
        for promised in ((reference,) if ":" in reference else ()) + ((told,) if told else ()):
            try:
                _check(answer.body, Digest(promised), f"the manifest of {what}")
            except ValueError:
                continue  # a header that is no digest promises nothing
            digest = Digest(promised) if promised == reference else digest
        return parse(answer.body, digest, what)

    def _get(self, url: str, headers: Mapping[str, str], what: str, *, limit: int) -> Response:
        for _try in range(_TRIES):
            sent = {**headers, **self._auth.headers()}
            answer = self._client.request(
                "GET", url, headers=sent, what=what, allow={401}, refused=self._refused, limit=limit
            )
            if answer.status != 401:
                return answer
            if not self._is_ours(answer.url):
                break
            self._auth.challenged(answer.headers.get("WWW-Authenticate", ""))
        raise RbeeError(
            ErrorCode.AUTH_REQUIRED, f"{self.address.registry} gives no access to {what}.", "Look at your log-in there."
        )

    def _refused(self, status: int, headers: Mapping[str, str], body: bytes, url: str) -> RbeeError | OSError | None:
        """Words for a refusal of the registry itself."""
        if not self._is_ours(url):
            return None
        if status in (404, 410) and "/blobs/" in url:
            message = f"{self.address.registry} lacks a part of {self.address.repository} that its manifest names."
            return RbeeError(ErrorCode.MODEL_NOT_FOUND, message, "The artifact is incomplete; tell its owner.")
        if status in (404, 410):
            known = "MANIFEST_UNKNOWN" in _codes(body)
            lacks = "knows no such tag or digest in" if known else "has no"
            hint = "Look for a typing error in its name and tag" + (
                "." if known else f"; if it is private, log in first: docker login {self.address.registry}"
            )
            message = f"{self.address.registry} {lacks} {self.address.repository}."
            return RbeeError(ErrorCode.MODEL_NOT_FOUND, message, hint)
        if status == 403:
            message = f"{self.address.registry} gives no access to {self.address.repository}."
            hint = f"Log in with an account that may read it: docker login {self.address.registry}"
            return RbeeError(ErrorCode.AUTH_REQUIRED, message, hint)
        return None

    def _refused_blob(
        self, status: int, headers: Mapping[str, str], body: bytes, url: str
    ) -> RbeeError | OSError | None:
        if not self._is_ours(url):
            # Not the registry's own word: an address that ran out, for one. The next try gets a new one.
            return ConnectionError(f"{urlsplit(url).hostname} answered {status}") if status < 500 else None
        if status == 401:
            self._auth.challenged(headers.get("WWW-Authenticate", ""))
            return ConnectionError("the registry wanted to know who asks")
        return self._refused(status, headers, body, url)

    def _is_ours(self, url: str) -> bool:
        ours, theirs = urlsplit(self.address.base), urlsplit(url)
        return (ours.scheme, ours.netloc.lower()) == (theirs.scheme, theirs.netloc.lower())


def _check(body: bytes, expected: Digest, what: str) -> None:
    """Hold bytes against a digest.

    :raises RbeeError: ``CHECKSUM_MISMATCH``.
    """
    actual = Digest(f"{expected.algorithm}:{hashlib.new(expected.algorithm, body, usedforsecurity=False).hexdigest()}")
    if actual != expected:
        raise RbeeError(
            ErrorCode.CHECKSUM_MISMATCH,
            f"{what} is not what it should be: expected {expected}, got {actual}.",
            "The bytes were thrown away. Try again; if it stays so, the registry or the line to it is corrupt.",
        )


def _codes(body: bytes) -> set[str]:
    """The error codes of an answer (distribution spec, "Error Codes")."""
    try:
        errors: Any = json.loads(body)["errors"]
        return {error["code"] for error in errors}
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()
