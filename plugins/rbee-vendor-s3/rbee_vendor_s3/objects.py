"""One object as S3 describes it: its size, its version, and every checksum that can be held against its bytes."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rbee_core.contracts import Digest

_MD5 = re.compile(r"[0-9a-f]{32}")
#: A span of the object and the digest of its bytes.
Part = tuple[int, int, Digest]


@dataclass(frozen=True, slots=True)
class S3Object:
    """One version of one object.

    :param name: of the file in the model.
    :param etag: as the server sent it, with its quotes; empty if it sent none.
    :param version: its id in a bucket with versions, else ``None``.
    :param sha256: of the whole content, if S3 has it.
    :param md5: of the whole content, if the ETag is one.
    :param parts: of an object uploaded in parts, their sha256.
    """

    key: str
    name: str
    size: int
    etag: str
    version: str | None = None
    sha256: Digest | None = None
    md5: Digest | None = None
    parts: tuple[Part, ...] = ()
    composite: bool = False

    @property
    def identity(self) -> str:
        """What tells these bytes from all others: the digest, the version, or the ETag."""
        return str(self.sha256 or "") or (f"version:{self.version}" if self.version else f"etag:{self.etag}")

    @property
    def revision(self) -> str | None:
        """The version's id, else the ETag; ``None`` where the server has neither."""
        return self.version or self.etag.strip('"') or None


def from_head(key: str, name: str, head: Mapping[str, Any], *, check_etag: bool) -> S3Object:
    """Read an answer to HeadObject (asked with ``ChecksumMode``).

    :param check_etag: take an ETag for the MD5 that it is on Amazon's and most other servers, but for objects in
        parts and for those encrypted with keys of KMS or the customer's (Amazon S3 API, "Object").
    """
    version = head.get("VersionId")
    checksum = str(head.get("ChecksumSHA256") or "")
    kind = head.get("ChecksumType")
    # Of an object in parts a sha256 is one of the parts' sha256, even where the server forgets to say so.
    composite = kind == "COMPOSITE" or "-" in checksum or (kind != "FULL_OBJECT" and "-" in str(head.get("ETag")))
    return S3Object(
        key=key,
        name=name,
        size=int(head["ContentLength"]),
        etag=str(head.get("ETag") or ""),
        version=str(version) if version and version != "null" else None,
        sha256=None if composite else decoded("sha256", checksum),
        md5=(_etag_md5(head) if check_etag else None) or _noted_md5(head),
        composite=composite,
    )


def part_digests(parts: Sequence[Mapping[str, Any]], size: int) -> tuple[Part, ...]:
    """Read the parts of an answer to GetObjectAttributes; nothing, unless they make up the whole object."""
    found: list[Part] = []
    start = 0
    for part in sorted(parts, key=lambda part: int(part.get("PartNumber", 0))):
        digest = decoded("sha256", str(part.get("ChecksumSHA256") or ""))
        end = start + int(part.get("Size", 0))
        if digest is None or end == start:
            return ()
        found.append((start, end, digest))
        start = end
    return tuple(found) if start == size else ()


def decoded(algorithm: str, text: str) -> Digest | None:
    """A base64 checksum as a digest; ``None`` if it is none."""
    try:
        return Digest(f"{algorithm}:{base64.b64decode(text, validate=True).hex()}")
    except (binascii.Error, ValueError):
        return None


def _etag_md5(head: Mapping[str, Any]) -> Digest | None:
    encryption = head.get("ServerSideEncryption")
    etag = str(head.get("ETag") or "").strip('"').lower()
    if encryption not in (None, "AES256") or head.get("SSECustomerAlgorithm") or not _MD5.fullmatch(etag):
        return None
    return Digest(f"md5:{etag}")


def _noted_md5(head: Mapping[str, Any]) -> Digest | None:
    """What rclone notes with a file that it uploads in parts."""
    return decoded("md5", str((head.get("Metadata") or {}).get("md5chksum") or ""))
