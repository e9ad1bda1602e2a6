"""Ids from people, made into names of files, injectively. The rules for files' own names are `rbee_core.names`."""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote_to_bytes

from ..errors import ErrorCode, RbeeError
from ..names import RESERVED, check_name, check_names, has_controls, safe_join

__all__ = [
    "MAX_ESCAPED_BYTES",
    "MAX_ID_BYTES",
    "check_id",
    "check_name",
    "check_names",
    "escape_id",
    "safe_join",
    "unescape_id",
]

#: Longest id, in bytes of UTF-8: far above any real one, and small enough to show in a message.
MAX_ID_BYTES = 1024
#: Longest escaped id, in bytes. File systems allow 255; the rest is room for suffixes such as ``.lock``.
MAX_ESCAPED_BYTES = 200

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_.")
_CAPITAL = re.compile("=([a-z])")
_UPPER = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def check_id(entry_id: str) -> str:
    """The id itself, if it can be one.

    :raises RbeeError: ``INVALID_REF``: empty, longer than `MAX_ID_BYTES`, or with NUL, control or unpaired surrogate
        characters (which no file or terminal can hold faithfully).
    """
    if not entry_id or entry_id.isspace():
        raise RbeeError(ErrorCode.INVALID_REF, "A model's id cannot be empty.", "Give it a name, such as tinyllama.")
    if has_controls(entry_id):
        raise RbeeError(
            ErrorCode.INVALID_REF, f"A model's id cannot hold control characters: {entry_id[:80]!a}", "Choose another."
        )
    if len(entry_id.encode()) > MAX_ID_BYTES:
        raise RbeeError(
            ErrorCode.INVALID_REF, f"A model's id has at most {MAX_ID_BYTES} bytes: {entry_id[:40]!r}…", "Shorten it."
        )
    return entry_id


def escape_id(entry_id: str) -> str:
    """A file name for an id: two ids never share one, not even where the file system ignores case.

    Lower-case letters, digits, ``-``, ``_`` and ``.`` stand for themselves; an upper-case letter is ``=`` and its lower
    case (as Go's module cache does with ``!``); any other byte of the UTF-8 is ``%xx``. So is a leading ``.`` or
    ``-``, a trailing ``.``, and the first letter of a name that Windows reserves. An escape longer than
    `MAX_ESCAPED_BYTES` is cut and ends in ``~`` and the id's sha256; ``~`` occurs in no other.

    :raises RbeeError: ``INVALID_REF``, see `check_id`.
    """
    raw = check_id(entry_id).encode()
    parts = [_escape_byte(byte) for byte in raw]
    if raw[0] in b".-" or RESERVED.fullmatch(entry_id.partition(".")[0]):
        parts[0] = f"%{raw[0]:02x}"
    if raw[-1:] == b".":
        parts[-1] = "%2e"
    escaped = "".join(parts)
    if len(escaped) <= MAX_ESCAPED_BYTES:
        return escaped
    return f"{escaped[: MAX_ESCAPED_BYTES - 65]}~{hashlib.sha256(raw).hexdigest()}"


def unescape_id(name: str) -> str | None:
    """The id that `escape_id` made this file name of; ``None`` if it was cut, or is no escaped id at all."""
    if "~" in name:
        return None
    try:
        text = unquote_to_bytes(_CAPITAL.sub(lambda match: match[1].upper(), name)).decode()
        return text if escape_id(text) == name else None
    except (UnicodeDecodeError, RbeeError):
        return None


def _escape_byte(byte: int) -> str:
    if byte in _PLAIN:
        return chr(byte)
    return f"={chr(byte).lower()}" if byte in _UPPER else f"%{byte:02x}"
