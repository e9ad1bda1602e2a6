"""Addresses as they may be written down: without what lets one in."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_URL = re.compile(r"(?:[a-z]+\+)?https?://\S+", re.IGNORECASE)
#: What may stand behind ``#``: a part of a repository, a name, a digest.
_FRAGMENT = re.compile(r"(?:subdirectory|egg|sha256)=[A-Za-z0-9._/-]+")


def without_secrets(text: str) -> str:
    """``text`` with web addresses in it stripped of user, password, query, and most of what is behind ``#``.

    ``ssh`` keeps its user, who is no secret; a token often stands in the place of one, so the web's do not.
    """
    return _URL.sub(lambda found: _plain(found[0]), text)


def _plain(url: str) -> str:
    split = urlsplit(url)
    fragment = "&".join(part for part in split.fragment.split("&") if _FRAGMENT.fullmatch(part))
    return urlunsplit((split.scheme, split.netloc.rpartition("@")[2], split.path, "", fragment))
