"""What control groups (v1 and v2) leave to this process. A limit anywhere on the path to the root counts.

Sources: the kernel's documentation, "Control Group v2" and "cgroup-v1/memory", "scheduler/sched-bwc".
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .probing import read_count, read_table, read_text, to_count


@dataclass(frozen=True, slots=True)
class Memory:
    """One group's memory, in bytes: its limit, and how much of it a new process could still use."""

    limit: int
    free: int


def memory_limits(root: Path) -> list[Memory]:
    """The memory limits over this process, from its own group up."""
    return [memory for folder, version in _folders(root, "memory") if (memory := _memory(folder, version)) is not None]


def cpu_limit(root: Path) -> int | None:
    """How many processors' time this process may use, rounded up; ``None`` without a limit."""
    quotas = [quota for folder, version in _folders(root, "cpu") if (quota := _quota(folder, version)) is not None]
    return max(1, math.ceil(min(quotas))) if quotas else None


def _memory(folder: Path, version: int) -> Memory | None:
    if version == 2:
        limits = [n for name in ("memory.max", "memory.high") if (n := read_count(folder / name)) is not None]
        used, cache = read_count(folder / "memory.current"), "inactive_file"
        limit = min(limits) if limits else None
    else:
        limit = read_count(folder / "memory.limit_in_bytes")
        used, cache = read_count(folder / "memory.usage_in_bytes"), "total_inactive_file"
    if limit is None:
        return None
    # Pages of files that were not used lately are given up when memory is asked for: they count as free.
    reclaimable = to_count(read_table(folder / "memory.stat").get(cache)) or 0
    return Memory(limit, max(0, min(limit, limit - (used or 0) + min(reclaimable, used or 0))))


def _quota(folder: Path, version: int) -> float | None:
    if version == 2:
        words = (read_text(folder / "cpu.max") or "").split()
        quota = to_count(words[0]) if words else None
        period = to_count(words[1]) if len(words) > 1 else 100_000
    else:
        quota = read_count(folder / "cpu.cfs_quota_us")
        period = read_count(folder / "cpu.cfs_period_us")
    return quota / period if quota and period else None


def _folders(root: Path, controller: str) -> Iterator[tuple[Path, int]]:
    """The folders of this process's groups for one controller, the innermost first, with their version.

    In a container the path that ``/proc/self/cgroup`` names may be the host's, which is not mounted here: the part of
    it that exists is what there is, and the mount's own root always is.
    """
    mounts = root / "sys/fs/cgroup"
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            base = mounts / "unified" if (mounts / "unified").is_dir() else mounts
            yield from ((folder, 2) for folder in _up(base, path))
        elif controller in controllers.split(","):
            for name in (controllers, controller):
                if (mounts / name).is_dir():
                    yield from ((folder, 1) for folder in _up(mounts / name, path))
                    break


def _up(base: Path, path: str) -> Iterator[Path]:
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..", ".")]
    for count in range(len(parts), -1, -1):
        folder = base.joinpath(*parts[:count])
        if folder.is_dir():
            yield folder
