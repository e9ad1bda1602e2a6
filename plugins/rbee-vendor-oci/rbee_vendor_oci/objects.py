"""One object as Object Storage describes it: its size, its version, and the checksums of its bytes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from rbee_core.contracts import Digest

#: The headers with a checksum over the whole content (Object Storage API, GetObject), the best one first.
_CHECKSUMS = {"opc-content-sha256": "sha256", "opc-content-sha384": "sha384", "content-md5": "md5"}


@dataclass(frozen=True, slots=True)
class OracleObject:
    """One version of one object.

    :param name: of the file in the model.
    :param etag: changes whenever the object does.
    :param digest: of the whole content. An object that was uploaded in parts may have none: its
        ``opc-multipart-md5`` is over the MD5s of parts whose sizes nobody tells.
    """

    key: str
    name: str
    size: int
    etag: str
    version: str | None
    digest: Digest | None
    archived: bool = False

    @property
    def sha256(self) -> Digest | None:
        """The digest, if it is one that a manifest is pinned by."""
        return self.digest if self.digest is not None and self.digest.algorithm == "sha256" else None

    @property
    def revision(self) -> str | None:
        """The version's id, else the ETag."""
        return self.version or self.etag or None


def from_headers(key: str, name: str, headers: Mapping[str, str]) -> OracleObject:
    """Read an answer to HeadObject.

    :raises ValueError: it is none.
    """
    found = (_digest(algorithm, headers.get(header, "")) for header, algorithm in _CHECKSUMS.items())
    return OracleObject(
        key=key,
        name=name,
        size=int(headers["Content-Length"]),
        etag=headers.get("ETag", "").strip(),
        version=headers.get("version-id") or None,
        digest=next((digest for digest in found if digest is not None), None),
        archived=headers.get("archival-state", "").lower() in {"archived", "restoring"},
    )


def _digest(algorithm: str, text: str) -> Digest | None:
    try:
        return Digest(f"{algorithm}:{base64.b64decode(text, validate=True).hex()}")
    except (binascii.Error, ValueError):
        return None
