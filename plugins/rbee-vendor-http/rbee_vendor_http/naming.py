"""What a file behind a URL is called: the server's word for it (RFC 6266), else the URL's last part."""

from __future__ import annotations

import re
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.names import check_name

#: Where neither the server nor the URL gives a name.
NAMELESS = "model"

#: One parameter of a header (RFC 9110, section 5.6.6); a quoted string may hold anything.
_PARAMETER = re.compile(r';\s*([A-Za-z0-9!#$&+.^_`|~-]+\*?)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)', re.DOTALL)
#: RFC 8187: charset, language (not used), percent-encoded value.
_EXTENDED = re.compile(r"(utf-8|iso-8859-1)'[A-Za-z0-9-]*'(.*)", re.IGNORECASE | re.DOTALL)


def file_name(url: str, disposition: str | None) -> str:
    """The file's name: from ``Content-Disposition`` if there is one, else from the URL, else ``model``.

    :raises RbeeError: ``UNSAFE_PATH``: the server's name is a path, or one that is not safe (`check_name`). It is
        refused and not trimmed: a server that sends one is broken or hostile.
    """
    if disposition and (name := disposition_name(disposition)):
        if "/" in name or "\\" in name or name in {".", ".."}:
            raise RbeeError(
                ErrorCode.UNSAFE_PATH,
                f"The server calls the file {name[:120]!a}, which is a path and no name.",
                "The server is broken or hostile; nothing was written.",
            )
        return check_name(name)
    return url_name(url)


def url_name(url: str) -> str:
    """The last part of a URL's path, decoded; ``model`` if it has none."""
    return unquote(urlsplit(url).path).rpartition("/")[2] or NAMELESS


def disposition_name(header: str) -> str | None:
    """``filename*`` (RFC 8187) of a Content-Disposition, else ``filename``; ``None`` if it has neither."""
    found = {name.lower(): value for name, value in reversed(_PARAMETER.findall(header))}
    if match := _EXTENDED.fullmatch(found.get("filename*", "")):
        return unquote_to_bytes(match[2]).decode(match[1], "replace") or None
    value = found.get("filename", "")
    if value.startswith('"') and len(value) > 1:
        # Only the escapes that mean something: a Windows path with single backslashes stays one, and is refused.
        value = re.sub(r'\\(["\\])', r"\1", value[1:-1])
    return _as_utf8(value) or None


def _as_utf8(text: str) -> str:
    """Header bytes are read as Latin-1; many servers mean UTF-8."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
