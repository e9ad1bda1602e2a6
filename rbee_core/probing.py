"""What hardware detection looks at: the kernel's small text files, and what tools print. For backend plugins.

Whatever is odd about one of them, the answer is ``None`` and never an exception: it is not there, it is binary, it is
endless, it hangs.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .process_groups import kill_group, new_group

_LARGEST = 1 << 22
#: More processors than any kernel manages: a larger number in a list is a mistake in it.
_MOST_PROCESSORS = 1 << 16


def read_text(path: Path) -> str | None:
    """The file's text, or ``None`` when it is not there or cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST).decode("utf-8", "replace")
    except (OSError, ValueError):
        return None


def read_count(path: Path) -> int | None:
    """The whole number, zero or more, that a file holds; ``None`` for anything else, such as ``max``."""
    return to_count(read_text(path))


def to_count(text: str | None) -> int | None:
    """A text's whole number, zero or more."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 30 else None


def read_table(path: Path, separator: str | None = None) -> dict[str, str]:
    """A file of ``key value`` lines; of a key that comes twice the first."""
    table: dict[str, str] = {}
    for line in (read_text(path) or "").splitlines():
        key, _, value = line.partition(separator or " ")
        if key.strip():
            table.setdefault(key.strip(), value.strip())
    return table


def read_kibibytes(path: Path, key: str) -> int | None:
    """Bytes, out of a file of lines such as ``MemTotal:  16384 kB``."""
    count = to_count(read_table(path, ":").get(key, "").removesuffix("kB"))
    return None if count is None else count * 1024


def cpu_list(text: str | None) -> list[int]:
    """The processors that a list such as ``0-3,8`` names, in its order; empty when it is malformed."""
    found: list[int] = []
    for part in (text or "").strip().split(","):
        first, _, last = part.partition("-")
        low = to_count(first)
        high = to_count(last) if last else low
        if low is None or high is None or not low <= high < _MOST_PROCESSORS or len(found) > _MOST_PROCESSORS:
            return []
        found += range(low, high + 1)
    return found


def tidy(name: str | None, longest: int = 200) -> str:
    """A name as something else wrote it, fit for one line: no control characters, no double spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in name or "").split())[:longest]


def run_tool(argv: Sequence[str], limit: float = 2.0, env: Mapping[str, str] | None = None) -> str | None:
    """What a tool prints to standard output; ``None`` when it is not there, fails or takes longer than ``limit``.

    A tool that hangs is ended with all it started.

    :param limit: seconds.
    :param env: its variables, if not this process's own.
    """
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=None if env is None else dict(env),
            **new_group(),
        )
    except (OSError, ValueError):
        return None
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        kill_group(process.pid)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=1)
        return None
    return output[:_LARGEST].decode("utf-8", "replace") if process.returncode == 0 else None
