"""Models that a process is about to run: between its asking for one and its worker's start nobody evicts it."""

from __future__ import annotations

import atexit
import json
import os
import time
from contextlib import suppress
from pathlib import Path

from ..process_groups import is_running, started_at
from .names import escape_id

_SUFFIX = ".user"
#: Seconds that a note counts: longer than a worker's build takes. What runs by then is known as running.
_VALID = 3600.0


def note_user(folder: Path, entry_id: str) -> None:
    """Note that this process is about to run a model. Best effort: it ends with the process.

    :param folder: the locks'.
    """
    pid = os.getpid()
    path = folder / f"{escape_id(f'using {entry_id}')}.{pid}{_SUFFIX}"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"id": entry_id, "pid": pid, "began": started_at(pid)}), encoding="utf-8")
        atexit.register(_forget, path)


def used_models(folder: Path) -> set[str]:
    """The ids of models that processes which still live are about to run; the notes of others are dropped."""
    found = set()
    for path in folder.glob(f"*{_SUFFIX}"):
        try:
            note = json.loads(path.read_bytes())
            fresh = time.time() - path.stat().st_mtime < _VALID
            if fresh and is_running(int(note["pid"]), float(note["began"])):
                found.add(str(note["id"]))
                continue
        except (OSError, ValueError, KeyError, TypeError):
            pass
        _forget(path)
    return found


def _forget(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
