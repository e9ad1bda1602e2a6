"""``oci://`` and ``docker://``: OCI registries, and Oracle Object Storage, which shares the first scheme."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .model_ref import check_parts, invalid

if TYPE_CHECKING:
    from .model_ref import ModelRef

#: OCI distribution spec 1.1, "Pulling manifests".
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]{1,5})?")
_BUCKET = re.compile(r"[A-Za-z0-9_.-]{1,256}")


def parse_oci(cls: type[ModelRef], rest: str, scheme: str) -> ModelRef:
    """Parse what follows ``oci:``: an ``@`` in the authority is Object Storage, a host or a tag is a registry."""
    text = f"{scheme}:{rest}"
    authority, _, path = _split(text, rest)
    if "@" in authority:
        return _parse_object_storage(cls, text, rest, authority, path)
    tagged = ":" in path.rpartition("/")[2] or "@" in path
    if not (_is_host(authority) or tagged):
        raise invalid(
            text,
            "it could be an Object Storage bucket or a registry's repository",
            hint=f"Write oci://{authority}@NAMESPACE/{path} for Oracle Object Storage, "
            f"or oci://HOST/{authority}/{path}:TAG for a registry.",
        )
    return _parse_registry(cls, text, rest, scheme)


def parse_docker(cls: type[ModelRef], rest: str, scheme: str) -> ModelRef:
    """Parse what follows ``docker:``; without a host it is Docker Hub's."""
    text = f"{scheme}:{rest}"
    authority, _, _ = _split(text, rest)
    if "@" in authority.partition("@sha")[0]:
        raise invalid(text.replace(authority, "***", 1), "credentials do not belong in a reference")
    return _parse_registry(cls, text, rest, scheme)


def _split(text: str, rest: str) -> tuple[str, str, str]:
    if not rest.startswith("//"):
        raise invalid(text, "it is written with two slashes: oci://… or docker://…")
    authority, slash, path = rest[2:].partition("/")
    if not authority:
        raise invalid(text, "it names no registry and no bucket")
    return authority, slash, path


def _is_host(authority: str) -> bool:
    return "." in authority or ":" in authority or authority == "localhost"


def _parse_object_storage(cls: type[ModelRef], text: str, rest: str, authority: str, path: str) -> ModelRef:
    bucket, _, namespace = authority.partition("@")
    if not _BUCKET.fullmatch(bucket) or not re.fullmatch(r"[A-Za-z0-9_-]+", namespace):
        # The bucket is not shown: what stands before '@' may be a password.
        raise invalid(f"oci://***@{namespace}/{path}", "Object Storage is written oci://bucket@namespace/path")
    if not path:
        raise invalid(text, "it names no object and no prefix")
    check_parts(text, path.rstrip("/") or "/", allow_empty=True)
    return cls("oci", rest, host=authority, path=path)


def _parse_registry(cls: type[ModelRef], text: str, rest: str, scheme: str) -> ModelRef:
    name, at, digest = rest[2:].partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise invalid(text, "after '@' stands a digest: sha256:<64 hex digits>")
    first, slash, remainder = name.partition("/")
    host, path = (first, remainder) if slash and _is_host(first) else (None, name)
    tag = None
    if path.rfind(":") > path.rfind("/"):
        path, _, tag = path.rpartition(":")
        if not _TAG.fullmatch(tag):
            raise invalid(text, f"{tag!r} is not a tag")
    if host is not None and not _HOST.fullmatch(host):
        raise invalid(text, f"{host!r} is not a registry's address")
    if not _REPOSITORY.fullmatch(path):
        raise invalid(text, f"{path!r} is not a repository name (lower-case letters, digits, separators)")
    if tag is None and not at:
        tag, rest = "latest", f"{rest}:latest"
    return cls(scheme, rest, repo=path, host=host, tag=tag, digest=digest or None)
