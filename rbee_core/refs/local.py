"""Files and folders of this machine: ``/abs``, ``./rel``, ``~/x``, ``file:…`` (RFC 8089)."""

from __future__ import annotations

import os
import re
from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from .model_ref import invalid

if TYPE_CHECKING:
    from .model_ref import ModelRef

_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def looks_local(text: str) -> bool:
    """Whether ``text`` is a path by its very shape. A bare ``a/b`` is a hub repository, not a path."""
    if text.startswith(("/", "./", "../", "~")) or text in {".", ".."}:
        return True
    return os.name == "nt" and (text.startswith(("\\", ".\\", "..\\")) or _DRIVE.match(text) is not None)


def parse(cls: type[ModelRef], text: str) -> ModelRef:
    """Parse a path; relative ones are taken from the current directory, ``~`` is the home directory."""
    path = os.path.normpath(os.path.join(os.getcwd(), os.path.expanduser(text)))  # noqa: PTH109, PTH111, PTH118 — lexical, no look at the disk
    posix = PurePath(path).as_posix()
    # POSIX keeps two leading slashes apart from one; no file system that models live on does.
    posix = "/" + posix.lstrip("/")
    return cls("file", posix, path=path if os.name == "nt" else posix)


def parse_file_url(cls: type[ModelRef], rest: str, scheme: str) -> ModelRef:
    """Parse what follows ``file:``. Only the ``file://`` form is a URL whose escapes are decoded."""
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host not in {"", "localhost"} or not slash:
            raise invalid(f"file:{rest}", "a file URL names no other machine: file:///path")
        try:
            rest = "/" + unquote(path, errors="strict")
        except UnicodeDecodeError:
            raise invalid(f"file:{rest}", "its escapes are not UTF-8") from None
    if not rest:
        raise invalid("file:", "the path is empty")
    if os.name == "nt" and _DRIVE.match(rest.lstrip("/")):
        rest = rest.lstrip("/")
    return parse(cls, rest)
