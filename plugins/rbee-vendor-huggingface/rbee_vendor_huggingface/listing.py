"""What a repository holds, and how to say so. Names come from the network: nothing here trusts them."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rbee_core.contracts import Digest
from rbee_core.errors import ErrorCode, RbeeError

#: How many files an error message lists.
_SHOWN = 12
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")


@dataclass(frozen=True, slots=True)
class RepoFile:
    """One file of a repository: its path there, its size in bytes, and its digest.

    ``sha256`` is known for files in large-file storage; the others have ``blob_id``, the sha1 git gives a blob.
    """

    path: str
    size: int
    sha256: Digest | None = None
    blob_id: str | None = None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The path without its last part; empty at the top."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit."""

    repo: str
    commit: str
    files: list[RepoFile]
    metadata: dict[str, Any] = field(default_factory=dict)


def is_pickle(path: str) -> bool:
    """Whether a file is of a kind that can run code when it is loaded, by its name."""
    return path.lower().endswith(_PICKLES)


def shown(text: str) -> str:
    """``text`` as it may be printed: no control characters, not endless."""
    clean = "".join(c if unicodedata.category(c)[0] != "C" else f"\\x{ord(c):02x}" for c in text)
    return clean if len(clean) <= 120 else clean[:117] + "…"


def human_size(size: int) -> str:
    """Bytes in the unit that reads best (powers of 1000)."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def overview(files: Iterable[RepoFile]) -> str:
    """The files with their sizes, the first dozen of them, in one line."""
    found = sorted(files, key=lambda file: file.path)
    text = ", ".join(f"{shown(file.path)} ({human_size(file.size)})" for file in found[:_SHOWN])
    more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return text + more if found else "nothing"


def no_such_file(repo: str, asked: str, files: Iterable[RepoFile]) -> RbeeError:
    """``MODEL_NOT_FOUND`` for a file or folder, with the names nearest to it."""
    found = sorted(files, key=lambda file: file.path)
    paths = {file.path.lower(): file.path for file in found} | {file.name.lower(): file.path for file in found}
    near = difflib.get_close_matches(asked.lower(), paths, n=3, cutoff=0.6)
    close = ", ".join(dict.fromkeys(shown(paths[key]) for key in near))
    return RbeeError(
        ErrorCode.MODEL_NOT_FOUND,
        f"{repo} has no {shown(asked)!r}.",
        f"Did you mean {close}?" if close else f"It has: {overview(found)}",
    )


_DRIVE = re.compile(r"[A-Za-z]:")


def require_safe(path: str) -> str:
    """The path itself, if it can be a file's name under a folder of ours.

    The core checks names once more, and more strictly; this is for whoever calls the vendor without it.

    :raises RbeeError: ``UNSAFE_PATH``: absolute, climbing, with backslashes, a drive letter or control characters.
    """
    parts = path.split("/")
    bad = any(part in {"", ".", ".."} for part in parts) or "\\" in path or _DRIVE.match(path)
    if bad or any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in path):
        raise RbeeError(
            ErrorCode.UNSAFE_PATH,
            f"The repository names a file {ascii(path)[:200]}, which could lead outside the model's folder.",
            "Do not use this repository; nothing was written.",
        )
    return path
