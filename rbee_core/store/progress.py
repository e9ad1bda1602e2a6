"""How far the holder of a lock is, for those who wait for it: ``<name>.progress`` beside the lock."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..jobs import Job

#: Seconds between two notes.
_EVERY = 0.25
_STAGE = re.compile(r"[a-z_]{1,40}")


@contextmanager
def shared_progress(base: Path, job: Job | None) -> Iterator[None]:
    """While inside, what ``job`` tells of its progress is noted for others."""
    if job is None:
        yield
        return
    path = _progress_file(base)
    noted_at = 0.0

    def note(stage: str, done: int, total: int | None) -> None:
        nonlocal noted_at
        now = time.monotonic()
        if now - noted_at < _EVERY:
            return
        noted_at = now
        # Only a courtesy: whoever reads it half written waits for the next.
        with suppress(OSError):
            path.write_text(json.dumps({"stage": stage, "done": done, "total": total}), encoding="utf-8")

    job.watchers.append(note)
    try:
        yield
    finally:
        job.watchers.remove(note)
        with suppress(OSError):
            path.unlink(missing_ok=True)


def show_progress(base: Path, job: Job) -> None:
    """Tell through ``job`` how far the holder is, if it says."""
    try:
        found = json.loads(_progress_file(base).read_bytes()[:4096])
        stage, done, total = found["stage"], found["done"], found["total"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    numbers = type(done) is int and (total is None or type(total) is int)
    if numbers and isinstance(stage, str) and _STAGE.fullmatch(stage):
        with job.stage(stage, job.actor):
            job.progress(done, total)


def _progress_file(base: Path) -> Path:
    return base.with_name(base.name + ".progress")
