"""Names of files from outside — listings, archives, headers, annotations — are hostile until they pass here.

The one set of rules, for the core and for vendors that choose or unpack names themselves. Pure: no disk is looked at.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from .errors import ErrorCode, RbeeError

#: Longest part of a path that a file system takes, and the longest relative name accepted, in bytes.
MAX_PART_BYTES = 255
MAX_NAME_BYTES = 1024

# Windows refuses these as file names, with any extension (Microsoft, "Naming Files, Paths, and Namespaces").
RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})


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
    if "\0" in name or has_controls(name):
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
    if RESERVED.fullmatch(part.partition(".")[0].rstrip(" ")):
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


def check_names(names: Iterable[str]) -> None:
    """Refuse a list of names that cannot all be files of one folder, on any system.

    :raises RbeeError: ``UNSAFE_PATH``: one twice; two that differ in case, or in how their accents are encoded, alone;
        one that is another's folder.
    """
    seen: dict[str, str] = {}
    for name in names:
        key = _folded(check_name(name))
        if (other := seen.get(key)) is not None:
            twins = f"two files that some systems take for one: {other!a} and {name!a}"
            same = f"two files of one name: {name!a}"
            raise RbeeError(ErrorCode.UNSAFE_PATH, f"The model has {same if other == name else twins}.")
        seen[key] = name
    for name in seen.values():
        parts = _folded(name).split("/")
        if any("/".join(parts[:end]) in seen for end in range(1, len(parts))):
            raise RbeeError(ErrorCode.UNSAFE_PATH, f"The model has a file where {name!a} needs a folder.")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def has_controls(text: str) -> bool:
    """Whether a text holds what no file or terminal can show faithfully."""
    return any(unicodedata.category(char) in _CONTROLS for char in text)
