"""What is installed of a distribution: its metadata and its list of files, read without importing anything."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import importlib_metadata

#: Bytes of a distribution's files that are hashed; of what is beyond, sizes alone are compared.
_MOST_HASHED = 256 * 2**20
#: Entries of RECORD that are read.
_MOST_FILES = 50_000


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A line of RECORD (PEP 376): the path from the folder of installation, ``algorithm=digest``, bytes."""

    name: str
    digest: str
    size: int | None


@dataclass(slots=True)
class Installed:
    """One distribution.

    :param location: its metadata folder.
    :param editable: it is a checkout, whose files RECORD does not list.
    """

    location: Path
    headers: dict[str, list[str]] = field(default_factory=dict)
    description: str = ""
    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    files: list[RecordedFile] = field(default_factory=list)
    editable: bool = False

    def texts(self, key: str) -> list[str]:
        """A header's values that say something."""
        texts = [" ".join(text.split()) for text in self.headers.get(key.lower(), [])]
        return [text for text in texts if text and text != "UNKNOWN"]

    def lists(self, path: Path) -> bool:
        """Whether RECORD has this file."""
        same = [self.location.parent / one.name for one in self.files if one.name.endswith(path.name)]
        return any(_status(one) is not None and one.samefile(path) for one in same)


def read(location: str) -> Installed | None:
    """Read a metadata folder; ``None`` when it cannot be read."""
    try:
        dist = importlib_metadata.PathDistribution(Path(location))
        return _read(dist, Path(location))
    except Exception:  # noqa: BLE001 — metadata is whatever somebody wrote
        return None


def missing(installed: Installed) -> Iterator[str]:
    """The files that were installed and are gone. Compiled files come and go."""
    for one in installed.files:
        if "__pycache__" not in one.name and _status(installed.location.parent / one.name) is None:
            yield one.name


def changed(installed: Installed) -> Iterator[str]:
    """The files that are not what was installed: other bytes, or another number of them."""
    budget = _MOST_HASHED
    for one in installed.files:
        path = installed.location.parent / one.name
        status = _status(path)
        if status is None or "__pycache__" in one.name or not stat.S_ISREG(status.st_mode):
            continue
        if one.size is not None and status.st_size != one.size:
            yield one.name
            continue
        budget -= status.st_size
        if budget >= 0 and _digest(path, one.digest) not in (None, one.digest):
            yield one.name


def _read(dist: Any, location: Path) -> Installed:
    message = dist.metadata
    headers: dict[str, list[str]] = {}
    for key, value in message.items():
        headers.setdefault(key.lower(), []).append(str(value))
    groups: dict[str, dict[str, str]] = {}
    for entry in dist.entry_points:
        groups.setdefault(entry.group, {})[entry.name] = entry.value
    origin = getattr(dist, "origin", None)
    return Installed(
        location,
        headers,
        (message.get("Description") or str(message.get_payload() or "")).strip(),
        groups,
        _files(dist.read_text("RECORD") or ""),
        bool(getattr(getattr(origin, "dir_info", None), "editable", False)),
    )


def _files(text: str) -> list[RecordedFile]:
    found = []
    for row in csv.reader(text.splitlines()[:_MOST_FILES]):
        if row and row[0]:
            digest, size = [*row[1:], "", ""][:2]
            found.append(RecordedFile(row[0], digest, int(size) if size.isdecimal() else None))
    return found


def _status(path: Path) -> os.stat_result | None:
    """What is there; ``None`` for nothing, and for a name that no file can have."""
    try:
        return path.stat()
    except (OSError, ValueError):
        return None


def _digest(path: Path, expected: str) -> str | None:
    """The digest of a file in the form of ``expected``; ``None`` when there is none that can be compared with."""
    algorithm, _, _ = expected.partition("=")
    if algorithm not in ("sha256", "sha384", "sha512"):
        return None
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, algorithm).digest()
    except OSError:
        return None
    return f"{algorithm}={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
