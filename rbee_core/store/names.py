"""Names from people and servers, made into names of files: injective, portable, and never outside the root."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from pathlib import Path

from ..errors import ErrorCode, RbeeError

#: Longest id, in bytes of UTF-8: far above any real one, and small enough to show in a message.
MAX_ID_BYTES = 1024
#: Longest escaped id, in bytes. File systems allow 255; the rest is room for suffixes such as ``.lock``.
MAX_ESCAPED_BYTES = 200
#: Longest part of a path that a file system takes, and the longest relative name accepted, in bytes.
MAX_PART_BYTES = 255
MAX_NAME_BYTES = 1024

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-_.")
_UPPER = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
# Windows refuses these as file names, with any extension (Microsoft, "Naming Files, Paths, and Namespaces").
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})


def check_id(entry_id: str) -> str:
    """The id itself, if it can be one.

    :raises RbeeError: ``INVALID_REF``: empty, longer than `MAX_ID_BYTES`, or with NUL, control or unpaired surrogate
        characters (which no file or terminal can hold faithfully).
    """
    if not entry_id or entry_id.isspace():
        raise RbeeError(ErrorCode.INVALID_REF, "A model's id cannot be empty.", "Give it a name, such as tinyllama.")
    if _has_controls(entry_id):
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
    if raw[0] in b".-" or _RESERVED.fullmatch(entry_id.partition(".")[0]):
        parts[0] = f"%{raw[0]:02x}"
    if raw[-1:] == b".":
        parts[-1] = "%2e"
    escaped = "".join(parts)
    if len(escaped) <= MAX_ESCAPED_BYTES:
        return escaped
    return f"{escaped[: MAX_ESCAPED_BYTES - 65]}~{hashlib.sha256(raw).hexdigest()}"


def _escape_byte(byte: int) -> str:
    if byte in _PLAIN:
        return chr(byte)
    return f"={chr(byte).lower()}" if byte in _UPPER else f"%{byte:02x}"


def check_name(name: str) -> str:
    """A relative file name with ``/`` between its parts, if it is safe to write anywhere.

    :raises RbeeError: ``UNSAFE_PATH``: empty, absolute, a ``.``, ``..`` or empty part, a backslash, a drive letter, NUL
        or a control character, a name Windows reserves or would change (trailing dot or space), or too long.
    """
    reason = _why_unsafe(name)
    if reason:
        shown = ascii(name[:120])
        raise RbeeError(
            ErrorCode.UNSAFE_PATH,
            f"The file name {shown} is refused: {reason}.",
            "The source of this model is broken or hostile; nothing was written. Report it to its owner.",
        )
    return name


def _why_unsafe(name: str) -> str:
    if not name:
        return "it is empty"
    if "\0" in name or _has_controls(name):
        return "it holds control characters"
    if "\\" in name:
        return "it holds a backslash"
    if name.startswith("/") or _DRIVE.match(name):
        return "it is not relative"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"it is longer than {MAX_NAME_BYTES} bytes"
    for part in name.split("/"):
        if reason := _why_part_unsafe(part):
            return reason
    return ""


def _why_part_unsafe(part: str) -> str:
    if part in {"", ".", ".."}:
        return "it has an empty, '.' or '..' part"
    if len(part.encode()) > MAX_PART_BYTES:
        return f"a part of it is longer than {MAX_PART_BYTES} bytes"
    if _RESERVED.fullmatch(part.partition(".")[0].rstrip(" ")):
        return "Windows reserves that name"
    if part[-1] in ". ":
        return "a part of it ends in a dot or a space"
    if os.name == "nt" and any(char in ':*?"<>|' for char in part):
        return "it holds a character that Windows does not allow"
    return ""


def safe_join(root: Path, name: str) -> Path:
    """``root / name``, whatever a server calls its files; the result lies under ``root``.

    Lexical: what is on the disk is not looked at.

    :raises RbeeError: ``UNSAFE_PATH``, see `check_name`.
    """
    return root.joinpath(*check_name(name).split("/"))


def check_names(names: list[str]) -> None:
    """Refuse a list of names that cannot all be files of one folder: one twice, or one that is another's folder.

    :raises RbeeError: ``UNSAFE_PATH``.
    """
    seen = set()
    for name in names:
        if check_name(name) in seen:
            raise RbeeError(ErrorCode.UNSAFE_PATH, f"The model has two files of one name: {name!a}")
        seen.add(name)
    for name in names:
        parts = name.split("/")
        if any("/".join(parts[:end]) in seen for end in range(1, len(parts))):
            raise RbeeError(ErrorCode.UNSAFE_PATH, f"The model has a file where {name!a} needs a folder.")


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(char) in _CONTROLS for char in text)
