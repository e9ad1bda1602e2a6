"""``http(s)://``, ``s3://``, and the schemes that only a third party's plugin knows."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from .model_ref import NO_CREDENTIALS, invalid

if TYPE_CHECKING:
    from .model_ref import ModelRef


def parse_http(cls: type[ModelRef], rest: str, scheme: str) -> ModelRef:
    """Parse ``http://…`` or ``https://…``; it is kept as given."""
    text = f"{scheme}:{rest}"
    refuse_credentials(text, rest)
    try:
        split = urlsplit(text)
        host, _port = split.hostname, split.port
    except ValueError as error:
        raise invalid(text, f"it is not a URL ({error})") from None
    if not rest.startswith("//") or not host or any(c.isspace() for c in split.netloc):
        raise invalid(text, "a URL names a host: https://host/path")
    _refuse_climbing(text, split.path)
    return cls(scheme, rest, path=split.path or None, host=split.netloc)


def parse_bucket(cls: type[ModelRef], rest: str, scheme: str) -> ModelRef:
    """Parse ``s3://bucket/key``; it is kept as given. A key may have empty parts, S3 allows them."""
    text = f"{scheme}:{rest}"
    refuse_credentials(text, rest)
    bucket, _, key = rest.removeprefix("//").partition("/")
    if not rest.startswith("//") or not bucket or any(c.isspace() for c in bucket):
        raise invalid(text, "an S3 reference is s3://bucket/key")
    _refuse_climbing(text, key)
    return cls(scheme, rest, path=key or None, host=bucket)


def parse_other(cls: type[ModelRef], rest: str, scheme: str) -> ModelRef:
    """Keep any other ``scheme:rest`` as given, for whichever plugin declares the scheme."""
    text = f"{scheme}:{rest}"
    if len(scheme) < 2:
        raise invalid(text, "a scheme has at least two letters")
    if not rest.strip("/"):
        raise invalid(text, f"nothing follows '{scheme}:'")
    _refuse_climbing(text, rest)
    return cls(scheme, rest)


def refuse_credentials(text: str, rest: str) -> None:
    """A reference is stored and shown, so it never carries a user or a token either."""
    authority = rest.removeprefix("//").replace("?", "/").replace("#", "/").partition("/")[0]
    if "@" in authority:
        raise invalid(
            text.replace(authority, "***@" + authority.rpartition("@")[2], 1),
            "credentials do not belong in a reference",
            NO_CREDENTIALS,
        )


def _refuse_climbing(text: str, path: str) -> None:
    if ".." in unquote(path).replace("\\", "/").split("/"):
        raise invalid(text, "its path has a '..' part")
