"""``WWW-Authenticate`` and the token request it leads to (RFC 9110 §11, distribution spec "Token Authentication")."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ..errors import ErrorCode, RbeeError
from .address import is_loopback

#: Seconds a token is good for when the server does not say (distribution spec).
DEFAULT_LIFETIME = 60.0
#: Longest header and longest token that are looked at.
_MAX_HEADER = 16_384
_MAX_TOKEN = 65_536

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"\s*({_WORD})(?:\s+|\s*$|(?=\s*,))")
_PARAMETER = re.compile(rf'\s*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_WORD}))\s*(?:,|$)')
_TOKEN68 = re.compile(r"\s*([A-Za-z0-9._~+/-]+=*)\s*(?:,|$)")
_TEXT = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate: its scheme in lower case (``basic``, ``bearer``) and its parameters."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """Every challenge of one or more ``WWW-Authenticate`` headers, in order; what cannot be read is left out."""
    found: list[Challenge] = []
    for header in headers:
        found += _parse(header[:_MAX_HEADER])
    return found


def _parse(text: str) -> list[Challenge]:
    found: list[Challenge] = []
    position = 0
    while position < len(text):
        if text[position] in ", \t":
            position += 1
            continue
        match = _SCHEME.match(text, position)
        if match is None:
            break
        position = match.end()
        parameters: dict[str, str] = {}
        while (pair := _PARAMETER.match(text, position)) is not None:
            quoted, bare = pair[2], pair[3]
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
            parameters.setdefault(pair[1].lower(), value)
            position = pair.end()
        if not parameters and (blob := _TOKEN68.match(text, position)) and not _SCHEME.fullmatch(blob[0]):
            position = blob.end()
        found.append(Challenge(match[1].lower(), parameters))
    return found


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """Where to ask for a token, and for what."""

    realm: str
    service: str = ""
    scopes: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The address of the GET request, with everything in its query."""
        return self.url_with(())

    def url_with(self, more: Iterable[tuple[str, str]]) -> str:
        """The same with more query parameters after the usual ones."""
        parts = urlsplit(self.realm)
        query = parse_qsl(parts.query, keep_blank_values=True)
        query += [("service", self.service)] if self.service else []
        query += [("scope", scope) for scope in self.scopes]
        return urlunsplit(parts._replace(query=urlencode([*query, *more]), fragment=""))

    @property
    def form(self) -> dict[str, str]:
        """The fields of the POST request (OAuth 2), without the grant."""
        return {"service": self.service, "scope": " ".join(self.scopes), "client_id": "rbee"}


def token_request(challenge: Challenge, repository: str, *, plain: bool) -> TokenRequest:
    """What to ask, and whom, for a bearer challenge.

    :param plain: whether somebody asked for plain HTTP; then the token server may be spoken to in it, too.
    :raises RbeeError: ``AUTH_REQUIRED``: there is no realm, or one that credentials must not be sent to.
    """
    realm = challenge.parameters.get("realm", "")
    try:
        parts = urlsplit(realm)
        host = parts.hostname or ""
        port_is_fine = parts.port != 0
    except ValueError:
        parts, host, port_is_fine = urlsplit(""), "", False
    sane = bool(host) and port_is_fine and parts.scheme in ("http", "https") and "@" not in parts.netloc
    if not sane or not _TEXT.fullmatch(realm):
        raise RbeeError(
            ErrorCode.AUTH_REQUIRED,
            "The registry wants a token and does not say where to get one.",
            "Its 'WWW-Authenticate' header is broken; tell its operator.",
        )
    if parts.scheme == "http" and not (plain or is_loopback(host)):
        raise RbeeError(
            ErrorCode.AUTH_REQUIRED,
            f"The registry wants a token from {host} over an unencrypted connection.",
            "Nothing was sent there. If that is meant, use --insecure.",
        )
    scope = challenge.parameters.get("scope") or f"repository:{repository}:pull"
    return TokenRequest(realm, challenge.parameters.get("service", ""), tuple(scope.split()))


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and the seconds it is good for."""

    text: str
    lifetime: float = DEFAULT_LIFETIME

    def __repr__(self) -> str:
        return f"Token(…, lifetime={self.lifetime})"


def parse_token(body: bytes) -> Token:
    """Read a token server's answer.

    :raises RbeeError: ``AUTH_REQUIRED``: there is no usable token in it.
    """
    try:
        answer = json.loads(body)
        text = answer.get("token") or answer.get("access_token")
        lifetime = answer.get("expires_in")
    except (ValueError, AttributeError, RecursionError):
        text, lifetime = None, None
    if not isinstance(text, str) or not _TEXT.fullmatch(text) or len(text) > _MAX_TOKEN:
        raise RbeeError(
            ErrorCode.AUTH_REQUIRED,
            "The registry's token server did not give a token.",
            "Try again later; if it stays so, tell the registry's operator.",
        )
    if isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or not 0 < lifetime < 10**7:
        lifetime = DEFAULT_LIFETIME
    return Token(text, float(lifetime))
