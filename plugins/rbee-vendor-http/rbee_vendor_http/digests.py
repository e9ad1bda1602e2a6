"""Digests that a server tells: in headers beside the file, or in a file of checksums beside it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping

from rbee_core.contracts import Digest

#: RFC 9530, section 5: the algorithms' names there, strongest first.
_RFC9530 = {"sha-512": "sha512", "sha-256": "sha256"}
#: ``hex  name`` and ``hex *name`` (GNU coreutils); a leading backslash marks an escaped name and is not supported.
_GNU = re.compile(r"([0-9A-Fa-f]{64})[ \t]+\*?(\S.*)")
#: ``SHA256 (name) = hex`` (BSD, ``sha256sum --tag``).
_BSD = re.compile(r"SHA2?-?256 ?\((.+)\) ?= ?([0-9A-Fa-f]{64})", re.IGNORECASE)
_BARE = re.compile(r"(?:sha256:)?([0-9A-Fa-f]{64})", re.IGNORECASE)


class ConflictError(ValueError):
    """A list of checksums has two different ones for the same file."""


def from_headers(headers: Mapping[str, str]) -> Digest | None:
    """The strongest digest of the whole file that the headers state, sha256 before all others.

    Understood: ``Repr-Digest`` (RFC 9530), ``Digest`` (RFC 3230), ``x-amz-checksum-sha256``, ``X-Checksum-Sha256``
    and ``-Sha1`` (Artifactory), ``x-goog-hash``, ``Content-MD5`` (RFC 1864). What cannot be read counts as not there.

    :param headers: with names in lower case.
    """
    found = [digest for read in _READERS for digest in read(headers)]
    order = ("sha256", "sha512", "sha1", "md5")
    return min(found, key=lambda digest: order.index(digest.algorithm), default=None)


def from_list(text: str, names: set[str]) -> Digest | None:
    """The sha256 that a list of checksums has for a file.

    :param names: what the file may be called there; of a path only the last part counts.
    :raises ConflictError: two different ones.
    """
    found = {hexadecimal.lower() for hexadecimal, name in _entries(text) if re.split(r"[/\\]", name)[-1] in names}
    if len(found) > 1:
        raise ConflictError
    return Digest(f"sha256:{found.pop()}") if found else None


def from_own_file(text: str, names: set[str]) -> Digest | None:
    """The sha256 in ``FILE.sha256``: the digits alone, or a list.

    :raises ConflictError: it lists two different ones for the file.
    """
    if match := _BARE.fullmatch(text.strip()):
        return Digest(f"sha256:{match[1]}")
    return from_list(text, names)


def _entries(text: str) -> list[tuple[str, str]]:
    entries = []
    for line in text.splitlines():
        if match := _GNU.fullmatch(line.strip()):
            entries.append((match[1], match[2]))
        elif match := _BSD.fullmatch(line.strip()):
            entries.append((match[2], match[1]))
    return entries


# --- headers --------------------------------------------------------------------------------------------------------


def _repr_digest(headers: Mapping[str, str]) -> list[Digest]:
    """``sha-256=:BASE64:, sha-512=:BASE64:`` (a dictionary of RFC 8941)."""
    found = re.findall(r"([a-z0-9-]+)=:([A-Za-z0-9+/=]*):", headers.get("repr-digest", ""))
    return [digest for name, value in found if name in _RFC9530 for digest in _decoded(_RFC9530[name], value)]


def _digest(headers: Mapping[str, str]) -> list[Digest]:
    """``SHA-256=BASE64,MD5=BASE64``."""
    found = re.findall(r"([A-Za-z0-9-]+)=([A-Za-z0-9+/]+=*)", headers.get("digest", ""))
    names = {**_RFC9530, "md5": "md5", "sha": "sha1"}
    return [digest for name, value in found if name.lower() in names for digest in _decoded(names[name.lower()], value)]


def _amazon(headers: Mapping[str, str]) -> list[Digest]:
    """Of an object in parts it is a checksum of checksums, with the number of parts behind it, and not of the bytes."""
    if headers.get("x-amz-checksum-type", "").upper() == "COMPOSITE":
        return []
    return _decoded("sha256", headers.get("x-amz-checksum-sha256", ""))


def _google(headers: Mapping[str, str]) -> list[Digest]:
    """``crc32c=BASE64,md5=BASE64``."""
    match = re.search(r"md5=([A-Za-z0-9+/]+=*)", headers.get("x-goog-hash", ""))
    return _decoded("md5", match[1]) if match else []


def _hexadecimal(headers: Mapping[str, str]) -> list[Digest]:
    found = [(name, headers.get(f"x-checksum-{name}", "")) for name in ("sha256", "sha1")]
    return [digest for name, value in found for digest in _known(name, value)]


def _content_md5(headers: Mapping[str, str]) -> list[Digest]:
    return _decoded("md5", headers.get("content-md5", ""))


def _decoded(algorithm: str, value: str) -> list[Digest]:
    try:
        return _known(algorithm, base64.b64decode(value, validate=True).hex())
    except (binascii.Error, ValueError):
        return []


def _known(algorithm: str, value: str) -> list[Digest]:
    try:
        return [Digest(f"{algorithm}:{value}")]
    except ValueError:
        return []


_READERS: tuple[Callable[[Mapping[str, str]], list[Digest]], ...] = (
    _repr_digest,
    _digest,
    _amazon,
    _google,
    _hexadecimal,
    _content_md5,
)
