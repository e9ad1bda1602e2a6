"""What a repository holds, and how to say so. Names come from the network: nothing here trusts them."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from rbee_core.contracts import Digest
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.units import human_size

#: How many files an error message lists.
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class RepoFile:
    """One file of a repository: its path there, its size in bytes, and its digest.

    ``sha256`` is known for files in large-file storage; the others have ``blob_id``, the sha1 git gives a blob.
    ``xet`` is the name by which Xet storage knows the file (64 hex digits), if it is there.
    """

    path: str
    size: int
    sha256: Digest | None = None
    blob_id: str | None = None
    xet: str | None = None

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
    #: The model in other quantizations: ``{"ref", "size", "quantization"}`` each.
    others: list[dict[str, Any]] = field(default_factory=list)


def shown(text: str) -> str:
    """``text`` as it may be printed: no control characters, not endless."""
    clean = "".join(c if unicodedata.category(c)[0] != "C" else f"\\x{ord(c):02x}" for c in text)
    return clean if len(clean) <= 120 else clean[:117] + "…"


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
