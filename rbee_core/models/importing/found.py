"""What the layouts have in common: a model that was found, its files, and careful looks at somebody else's folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...contracts.common import Digest
from ...errors import ErrorCode, RbeeError
from ...names import check_name, check_names
from ...selection import WEIGHTS, missing_shards, shard_names
from ...transfer.copy import kind_of

#: Far more files than any cache has below one folder; beyond it something is wrong.
MAX_FILES = 200_000
MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file: its name in the model, where its bytes are (no link), how many, and what they should hash to."""

    name: str
    path: Path
    size: int
    digest: Digest | None = None
    #: The id git gives these bytes, where the source names them by that.
    git_id: str | None = None


@dataclass(slots=True)
class FoundModel:
    """One model: its canonical reference, where it was found, its files; or ``trouble``, why it cannot be brought."""

    id: str
    where: Path
    files: list[FoundFile] = field(default_factory=list)
    revision: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    trouble: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class Refused(Exception):  # noqa: N818 — not an error of the program, but a finding
    """Why something that was found is not brought, in words."""


def take(
    name: str, path: Path, within: Sequence[Path], *, digest: Digest | None = None, git_id: str | None = None
) -> FoundFile:
    """A file of a model, if it can be one.

    :param path: what it is called there; symbolic links are followed, but not out of the folders ``within``.
    :raises Refused: its name is unsafe, it leads elsewhere, or it is no regular file.
    """
    try:
        check_name(name)
    except RbeeError as error:
        raise Refused(error.message) from None
    try:
        real = path.resolve(strict=True)
        status = real.stat()
    except FileNotFoundError:
        raise Refused(f"{name} is a link to a file that is not there: its download is not complete") from None
    except (OSError, RuntimeError) as error:
        raise Refused(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not any(real.is_relative_to(folder.resolve()) for folder in within):
        raise Refused(f"{name} is a link that leads out of {within[0]}")
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"{name} is {kind_of(status.st_mode)}, not a regular file")
    if not os.access(real, os.R_OK):
        raise Refused(f"{name} cannot be read: Permission denied")
    if status.st_size == 0 and name.lower().endswith(WEIGHTS):
        raise Refused(f"{name} is empty: its download is not complete")
    return FoundFile(name, real, status.st_size, digest, git_id)


def refuse_incomplete(names: Iterable[str]) -> None:
    """Refuse a model that lacks shards, or whose files cannot all be in one folder.

    :raises Refused:
    """
    names = list(names)
    if missing := missing_shards(names):
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise Refused(f"it is incomplete: {', '.join(missing[:3])}{more} missing")
    try:
        check_names(names)
    except RbeeError as error:
        raise Refused(error.message) from None


def gguf_groups(names: Iterable[str]) -> list[list[str]]:
    """The GGUF models among names: each file, or all shards of one, the first one first; no projectors or matrices."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        if name.lower().endswith(".gguf") and not is_companion(name):
            groups.setdefault(shard_names(name)[0], []).append(name)
    return list(groups.values())


def is_companion(name: str) -> bool:
    """Whether a GGUF is no model by itself: a vision projector, a calibration matrix."""
    last = name.rpartition("/")[2].lower()
    return last.endswith(".gguf") and ("mmproj" in last or "imatrix" in last)


def projector_for(model: str, names: Iterable[str]) -> list[str]:
    """The vision projector that goes with a GGUF: the only one of the deepest folder that both are in."""
    home = model.rpartition("/")[0].split("/") if "/" in model else []
    best: list[str] = []
    for length in range(len(home), -1, -1):
        folder = "/".join(home[:length])
        best = [
            name for name in names
            if "mmproj" in name.lower() and is_companion(name) and name.rpartition("/")[0] == folder
        ]  # fmt: skip
        if best:
            break
    return best if len(best) == 1 else []


def walk(root: Path, *, skip: Path | None = None) -> Iterator[tuple[str, Path]]:
    """Everything below ``root`` that is no folder, hidden ones left out: its relative name with ``/``, and its path.

    Linked folders are not followed.

    :param skip: a folder to leave out.
    :raises RbeeError: ``UNSAFE_PATH``: it does not end.
    """
    count = 0
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        depth = len(here.relative_to(root).parts)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and here / name != skip)
        linked = [name for name in folders if (here / name).is_symlink()]
        folders[:] = [name for name in folders if name not in linked] if depth < MAX_DEPTH else []
        for name in sorted(names):
            if name.startswith("."):
                continue
            count += 1
            if count > MAX_FILES:
                raise RbeeError(ErrorCode.UNSAFE_PATH, f"{root} has too many files to be a folder of models.")
            path = here / name
            yield path.relative_to(root).as_posix(), path


def is_plain_folder(path: Path) -> bool:
    """Whether it is a folder and no link to one."""
    return path.is_dir() and not path.is_symlink()


def folders_of(path: Path) -> list[Path]:
    """The folders in a folder, sorted; none where it cannot be read."""
    try:
        return sorted(entry for entry in path.iterdir() if is_plain_folder(entry))
    except OSError:
        return []
