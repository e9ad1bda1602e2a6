"""Manifests and indexes (OCI image spec 1.1, Docker image manifest v2 schema 2), read without trust."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..contracts.common import Digest
from ..errors import ErrorCode, RbeeError

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
ACCEPT = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)
#: The largest manifest that is read, in bytes; the distribution spec asks registries to take at least this much.
MAX_MANIFEST = 4 * 2**20
#: Far more layers than any model has.
MAX_LAYERS = 20_000

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
_ALGORITHMS = {"sha256", "sha384", "sha512"}
#: Marks what Docker's builder puts beside an image: not something to download.
_ATTESTATION = "vnd.docker.reference.type"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says of one piece of content (OCI descriptor).

    ``annotations`` are what the publisher wrote: hostile until checked. ``name`` is Ollama's addition. ``platform`` is
    ``os/architecture`` for an entry of an index.
    """

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str | None = None
    name: str | None = None
    platform: str | None = None

    @property
    def identity(self) -> str:
        """Which bytes these are, for whoever continues a download."""
        return str(self.digest)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One image or artifact: its configuration and its layers, in order; ``digest`` is of the manifest's own bytes."""

    digest: Digest
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Index:
    """A list of manifests; ``digest`` is of the index's own bytes."""

    digest: Digest
    manifests: tuple[Descriptor, ...]


def parse(body: bytes, digest: Digest, what: str) -> Manifest | Index:
    """Read a manifest or an index.

    :param digest: the digest of ``body``, already checked.
    :param what: the reference it came for, named in errors.
    :raises RbeeError: ``DOWNLOAD_FAILED``: not JSON, not a manifest, or a field that cannot be.
    """
    try:
        document = json.loads(body)
        if not isinstance(document, dict):
            raise _BadError("it is not a JSON object")
        return _read(document, digest)
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, _BadError) else "it is not JSON"
        raise RbeeError(
            ErrorCode.DOWNLOAD_FAILED,
            f"The registry's manifest for {what} makes no sense: {why}.",
            "Look whether the address is a registry's, and whether a proxy or a log-in page stands in between.",
        ) from None


def choose(index: Index, what: str) -> Descriptor:
    """The manifest of an index that is meant: the only one, or the only one that is for no platform in particular.

    :raises RbeeError: ``MODEL_NOT_FOUND``: none, or several that could be meant, with their digests.
    """
    found = [entry for entry in index.manifests if _ATTESTATION not in entry.annotations]
    if not found:
        raise RbeeError(ErrorCode.MODEL_NOT_FOUND, f"{what} is an index without a manifest.", "Choose another tag.")
    for candidates in (found, [e for e in found if e.platform is None], [e for e in found if e.artifact_type]):
        if len(candidates) == 1:
            return candidates[0]
    shown = ", ".join(
        f"{entry.platform or entry.artifact_type or 'any platform'}: {entry.digest}" for entry in found[:8]
    )
    more = f", and {len(found) - 8} more" if len(found) > 8 else ""
    raise RbeeError(
        ErrorCode.MODEL_NOT_FOUND,
        f"{what} is an index of {len(found)} manifests ({shown}{more}).",
        "Name one by its digest: …/REPOSITORY@sha256:…",
    )


# --- inside ---------------------------------------------------------------------------------------------------------


class _BadError(ValueError):
    """Why a document is refused, in words."""


def _read(document: dict[str, Any], digest: Digest) -> Manifest | Index:
    if document.get("schemaVersion") == 1:
        raise _BadError("it is of schema version 1, which nobody has used since 2017")
    if document.get("schemaVersion") != 2:
        raise _BadError("it has no schemaVersion 2")
    media_type = _text(document.get("mediaType")) or ""
    if "manifests" in document and "layers" not in document:
        return Index(digest, tuple(_descriptor(entry) for entry in _list(document, "manifests")))
    if "config" not in document or "layers" not in document:
        raise _BadError("it has neither layers nor manifests")
    return Manifest(
        digest=digest,
        media_type=media_type or OCI_MANIFEST,
        config=_descriptor(document["config"]),
        layers=tuple(_descriptor(entry) for entry in _list(document, "layers")),
        artifact_type=_text(document.get("artifactType")),
        annotations=_annotations(document.get("annotations")),
    )


def _list(document: dict[str, Any], key: str) -> list[Any]:
    found = document[key]
    if found is None:
        return []
    if not isinstance(found, list) or len(found) > MAX_LAYERS:
        raise _BadError(f"its {key} are not a list of at most {MAX_LAYERS}")
    return found


def _descriptor(entry: Any) -> Descriptor:
    if not isinstance(entry, dict):
        raise _BadError("a descriptor is not an object")
    media_type, size = entry.get("mediaType"), entry.get("size")
    if not isinstance(media_type, str) or not _MEDIA_TYPE.fullmatch(media_type):
        raise _BadError("a descriptor has no media type")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**63:
        raise _BadError("a descriptor has no size")
    return Descriptor(
        media_type=media_type,
        digest=_digest(entry.get("digest")),
        size=size,
        annotations=_annotations(entry.get("annotations")),
        artifact_type=_text(entry.get("artifactType")),
        name=_text(entry.get("name")),
        platform=_platform(entry.get("platform")),
    )


def _digest(text: Any) -> Digest:
    try:
        digest = Digest(text)
    except (ValueError, TypeError, AttributeError):
        raise _BadError("a descriptor has no digest that is known") from None
    if digest.algorithm not in _ALGORITHMS:
        raise _BadError(f"a descriptor's digest is a mere {digest.algorithm}")
    return digest


def _annotations(found: Any) -> dict[str, str]:
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise _BadError("its annotations are not texts")
    return found


def _platform(found: Any) -> str | None:
    if not isinstance(found, dict):
        return None
    system, machine = _text(found.get("os")) or "unknown", _text(found.get("architecture")) or "unknown"
    if system == machine == "unknown":
        return None
    text = f"{system}/{machine}"
    return text[:60] if text.isprintable() else "unknown/unknown"


def _text(found: Any) -> str | None:
    return found if isinstance(found, str) and found else None
