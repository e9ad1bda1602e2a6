"""Putting a new distribution on the disk: all of it, or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ...errors import ErrorCode, RbeeError, UsageError


def refuse_taken(folder: Path) -> None:
    """See that a folder can be made, without making it.

    :raises UsageError: there is something already.
    """
    if not os.path.lexists(folder):
        return
    try:
        empty = not folder.is_symlink() and not any(folder.iterdir())
    except NotADirectoryError:
        empty = False
    except OSError as error:
        raise _failed(folder, error) from None
    if not empty:
        raise UsageError(
            f"There is something at {folder}, and nothing is written over.",
            "Move it away, take another name, or another place: --output DIR",
        )


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Make a folder with these files; it appears when it is complete.

    :param folder: not there, or empty.
    :param files: path within it, with ``/``, → content.
    :raises UsageError: there is something already.
    :raises RbeeError: ``PLUGIN_ERROR``: it cannot be written.
    """
    refuse_taken(folder)
    scratch = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        for name, content in files.items():
            path = scratch / "new" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8", newline="\n")
        with suppress(FileNotFoundError):
            folder.rmdir()  # Windows moves nothing onto a folder, empty or not
        (scratch / "new").rename(folder)
    except OSError as error:
        raise _failed(folder, error) from None
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)


def _failed(folder: Path, error: OSError) -> RbeeError:
    return RbeeError(
        ErrorCode.PLUGIN_ERROR,
        f"{folder} cannot be written: {error.strerror or error}",
        "Nothing is left of it. Choose another place: --output DIR",
    )
