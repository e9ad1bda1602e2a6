"""What a path on this machine brings: one file with its shards, or the files of a folder."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.names import has_controls
from rbee_core.selection import WEIGHTS, has_weights, matches, missing_shards, select, shard_names
from rbee_core.transfer import open_regular


@dataclass(frozen=True, slots=True)
class Found:
    """One file: its name in the model, where it is, and its size in bytes."""

    name: str
    path: Path
    size: int


def find(path: Path, include: tuple[str, ...], exclude: tuple[str, ...], check: Callable[[], None]) -> list[Found]:
    """The files that ``path`` stands for.

    A file is itself, or all shards of the model it is a shard of. A folder is everything in it, at any depth, but
    hidden files, pickles (unless an ``include`` names their kind), unfinished downloads and linked folders.

    :param include: globs; of a folder, only what matches one of them.
    :param exclude: globs; of a folder, what matches one of them is left out.
    :param check: called now and then; raises when the job is cancelled.
    :raises RbeeError: ``MODEL_NOT_FOUND``: nothing there, or nothing usable; ``UNSAFE_PATH``: something that is no
        regular file; ``DOWNLOAD_FAILED``: it cannot be read.
    """
    status = _status(path)
    if not stat.S_ISDIR(status.st_mode):
        return _with_shards(path, status)
    found = sorted(_walk(path, path, include, exclude, check), key=lambda item: item.name)
    names = [item.name for item in found]
    if not found or not (include or has_weights(names)):
        raise _nothing_in(path, bool(include))
    if not include and (missing := missing_shards(names)):
        raise _incomplete(path, missing)
    return found


def _with_shards(path: Path, status: os.stat_result) -> list[Found]:
    if stat.S_ISREG(status.st_mode) and status.st_size == 0:
        raise RbeeError(ErrorCode.MODEL_NOT_FOUND, f"{path} is empty (0 bytes).", "Give the path of a model file.")
    names = shard_names(path.name)
    missing = [name for name in names if not os.path.lexists(path.with_name(name))]
    if missing:
        raise _incomplete(path, missing)
    return [_take(name, path.with_name(name), _status(path.with_name(name))) for name in names]


def _incomplete(path: Path, missing: list[str]) -> RbeeError:
    names = ", ".join(missing[:5]) + (f", and {len(missing) - 5} more" if len(missing) > 5 else "")
    message = f"{path} is not a whole model: {ascii(names)[1:-1]} missing."
    return RbeeError(ErrorCode.MODEL_NOT_FOUND, message, "Bring all its parts into one folder.")


def _walk(
    root: Path, folder: Path, include: tuple[str, ...], exclude: tuple[str, ...], check: Callable[[], None]
) -> Iterator[Found]:
    check()
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise _unreadable(folder, error) from error
    for entry in entries:
        path = Path(entry.path)
        name = path.relative_to(root).as_posix()
        if entry.is_dir(follow_symlinks=False):
            if not entry.name.startswith(".") and not matches(name, exclude):
                yield from _walk(root, path, include, exclude, check)
        elif select([name], include, exclude) and not _is_linked_folder(path):
            yield _take(name, path, _status(path))


def _is_linked_folder(path: Path) -> bool:
    """A symbolic link to a folder is not followed: it may lead anywhere, or round in circles."""
    return path.is_symlink() and path.is_dir()


def _take(name: str, path: Path, status: os.stat_result) -> Found:
    if has_controls(name) or (os.sep == "/" and "\\" in name):
        message = f"The file name {name!a} holds characters that a model's file cannot have."
        raise RbeeError(ErrorCode.UNSAFE_PATH, message, "Rename it.")
    try:
        open_regular(path).close()
    except OSError as error:
        raise _unreadable(path, error) from error
    return Found(name, path, status.st_size)


def _status(path: Path) -> os.stat_result:
    """What the path leads to, through symbolic links."""
    try:
        return path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            target = os.readlink(path)  # noqa: PTH115 — the text of the link, as written
            message = f"{path} is a symbolic link to {target}, which is not there."
            hint = "Mend the link; in a Hugging Face cache it means that the download is not complete."
            raise RbeeError(ErrorCode.MODEL_NOT_FOUND, message, hint) from None
        raise _missing(path) from None
    except NotADirectoryError:
        raise _missing(path) from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            message = f"{path} is a symbolic link that leads back to itself."
            raise RbeeError(ErrorCode.MODEL_NOT_FOUND, message, "Mend the link, or give the file's own path.") from None
        raise _unreadable(path, error) from error


def _missing(path: Path) -> RbeeError:
    here = path.parent
    if not here.is_dir():
        return RbeeError(ErrorCode.MODEL_NOT_FOUND, f"There is no {path}: its folder is not there either.")
    try:
        names = sorted(name for name in os.listdir(here) if name.lower().endswith(WEIGHTS))[:8]  # noqa: PTH208
    except OSError:
        names = []
    hint = f"{here} has: {', '.join(names)}" if names else "Look for a typing error."
    return RbeeError(ErrorCode.MODEL_NOT_FOUND, f"There is no {path}.", hint)


def _unreadable(path: Path, error: OSError) -> RbeeError:
    return RbeeError(
        ErrorCode.DOWNLOAD_FAILED,
        f"{path} cannot be read: {error.strerror or error}.",
        "Look at its permissions (ls -l), or run rbee as a user who may read it.",
    )


def _nothing_in(path: Path, included: bool) -> RbeeError:
    try:
        names = sorted(os.listdir(path))  # noqa: PTH208 — names are all that is wanted
    except OSError as error:
        return _unreadable(path, error)
    if not names:
        return RbeeError(ErrorCode.MODEL_NOT_FOUND, f"{path} is an empty folder.")
    there = ", ".join(names[:8]) + (f", and {len(names) - 8} more" if len(names) > 8 else "")
    if included:
        return RbeeError(ErrorCode.MODEL_NOT_FOUND, f"Nothing in {path} matches.", f"It has: {ascii(there)[1:-1]}")
    return RbeeError(
        ErrorCode.MODEL_NOT_FOUND,
        f"{path} holds no GGUF, safetensors or ONNX file.",
        f"It has: {ascii(there)[1:-1]}. Other files come only when named: --include '*.bin'",
    )
