"""Where a request may go, and what may go with it."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from ...errors import ErrorCode, RbeeError

_PORTS = {"http": 80, "https": 443}
#: What may be told to a host that the request was not meant for; everything else might be a credential.
_HARMLESS = frozenset({"accept", "accept-encoding", "accept-language", "if-range", "if-match", "range", "user-agent"})


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454).

    :raises RbeeError: ``DOWNLOAD_FAILED``: it is no http or https URL.
    """
    try:
        split = urlsplit(url)
        host, port = split.hostname, split.port
    except ValueError:
        host = None
    if not host or split.scheme not in _PORTS:
        raise RbeeError(
            ErrorCode.DOWNLOAD_FAILED,
            f"This is not an address that can be fetched from: {url.partition('?')[0][:200]!a}",
            "It should begin with https:// or http:// and the name of a host.",
        )
    return split.scheme, host, port or _PORTS[split.scheme]


def without_credentials(url: str) -> tuple[str, str]:
    """A URL as it is asked for, and the ``Authorization`` that a ``user:password@`` in it means (RFC 7617)."""
    split = urlsplit(url)
    user, found, host = split.netloc.rpartition("@")
    if not found:
        return url, ""
    encoded = base64.b64encode(unquote_to_bytes(user)).decode()
    return split._replace(netloc=host).geturl(), f"Basic {encoded}"


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine, by its spelling alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_allowed(url: str, *, plain: bool) -> None:
    """Refuse unencrypted HTTP to anywhere but this machine, unless the person asked for it.

    :raises RbeeError: ``DOWNLOAD_FAILED``.
    """
    scheme, host, _port = origin(url)
    if scheme == "http" and not plain and not is_loopback(host):
        raise RbeeError(
            ErrorCode.DOWNLOAD_FAILED,
            f"{host} would be spoken to without encryption.",
            "Use an https:// address; or, if you trust every line on the way, give --insecure.",
        )


def redirected(url: str, location: str, headers: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Where a redirect leads, and the headers that may go there: on another host, port or scheme no credentials.

    :raises RbeeError: ``DOWNLOAD_FAILED``: it leads nowhere, or from https to http.
    """
    try:
        target = urljoin(url, location.strip())
    except ValueError:
        target = location  # which is no address either, and is told below
    before, after = origin(url), origin(target)
    if before[0] == "https" and after[0] == "http":
        raise RbeeError(
            ErrorCode.DOWNLOAD_FAILED,
            f"{before[1]} leads from https to unencrypted http on {after[1]}.",
            "That is refused. Use another source, or tell its owner.",
        )
    split = urlsplit(target)
    target = split._replace(netloc=split.netloc.rpartition("@")[2], fragment="").geturl()
    if before == after:
        return target, dict(headers)
    return target, {name: value for name, value in headers.items() if name.lower() in _HARMLESS}
