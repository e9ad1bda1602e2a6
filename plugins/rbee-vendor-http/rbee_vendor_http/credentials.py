"""Who we are to a web server: a token from the environment, or a login from netrc; for the reference's host alone."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from rbee_core.errors import UsageError

TOKEN = "RBEE_HTTP_TOKEN"  # noqa: S105 — a variable's name
_LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|\[?::1\]?")


def token_variable(url: str) -> str:
    """The environment variable for this host's token: ``RBEE_HTTP_TOKEN_MODELS_EXAMPLE_ORG``."""
    return f"{TOKEN}_{re.sub(r'[^A-Za-z0-9]', '_', urlsplit(url).hostname or '').upper()}"


def authorization(url: str) -> dict[str, str]:
    """The ``Authorization`` header for a URL; empty where nothing is known for its host.

    ``RBEE_HTTP_TOKEN_<HOST>``, then ``RBEE_HTTP_TOKEN``, then the ``NETRC`` file (``~/.netrc``).

    :raises UsageError: the token or the netrc file cannot be read as one.
    """
    value = _bearer(url) or _basic(url)
    return {} if value is None else {"Authorization": value}


def is_readable_on_the_way(url: str) -> bool:
    """Whether credentials sent to ``url`` could be read by others: plain HTTP to another machine."""
    split = urlsplit(url)
    return split.scheme == "http" and not _LOOPBACK.fullmatch(split.hostname or "")


def _bearer(url: str) -> str | None:
    for name in (token_variable(url), TOKEN):
        token = os.environ.get(name, "").strip()
        if token:
            if not (token.isascii() and token.isprintable()) or " " in token:
                raise UsageError(f"{name} holds characters that no token has.", "Set it anew.")
            return f"Bearer {token}"
    return None


def _basic(url: str) -> str | None:
    import netrc

    path = _netrc_path()
    if path is None:
        return None
    try:
        found = netrc.netrc(path).authenticators(urlsplit(url).hostname or "")
    except netrc.NetrcParseError as error:
        # Its message may quote the file.
        raise UsageError(f"{path} is no netrc file: there is an error in line {error.lineno}.", "Mend it.") from None
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path} cannot be read.", "Look at its permissions, or unset NETRC.") from None
    if found is None or not found[2]:
        return None
    return "Basic " + base64.b64encode(f"{found[0]}:{found[2]}".encode()).decode("ascii")


def _netrc_path() -> str | None:
    if given := os.environ.get("NETRC"):
        return given
    for name in (".netrc", "_netrc"):
        path = Path.home() / name
        if path.is_file():
            return str(path)
    return None
