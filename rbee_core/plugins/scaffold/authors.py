"""Who a new plugin is from: as told, else as git knows, else a gap that is seen."""

from __future__ import annotations

from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr

from ...errors import UsageError
from .gaps import EMAIL, NAME

#: Seconds that git may take to tell.
_LIMIT = 2.0


@dataclass(frozen=True, slots=True)
class Author:
    """A name, and perhaps an address; ``gap``: both are there to be filled in."""

    name: str
    email: str = ""
    gap: bool = False


def author(told: str | None) -> Author:
    """The author.

    :param told: ``Ada Lovelace <ada@example.org>``, or a name alone; ``None`` asks git's settings.
    :raises UsageError: it is told, and neither.
    """
    if told is None:
        return _from_git() or Author(NAME, EMAIL, gap=True)
    name, email = parseaddr(told) if "<" in told else (told.strip(), "")
    if not _is_line(name) or ("<" in told and not _is_address(email)):
        raise UsageError(
            f"{told[:80]!a} is no author.", "Write it as 'Ada Lovelace <ada@example.org>', or a name alone."
        )
    return Author(name, email)


def _from_git() -> Author | None:
    from ...probing import run_tool

    name, email = ((run_tool(["git", "config", f"user.{key}"], _LIMIT) or "").strip() for key in ("name", "email"))
    if not _is_line(name):
        return None
    return Author(name, email if _is_address(email) else "")


def _is_line(name: str) -> bool:
    return bool(name) and name.isprintable() and len(name) <= 100 and not set(name) & set("<>")


def _is_address(email: str) -> bool:
    try:
        return bool(Address(addr_spec=email).domain) and email.isprintable() and not set(email) & set('<>", ')
    except (MessageError, ValueError, IndexError):
        return False
