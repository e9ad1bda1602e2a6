"""Reading the kernel's small text files: whatever is odd about one, the answer is `None`, never an exception."""

from __future__ import annotations

from pathlib import Path

_LARGEST = 1 << 22


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


def count_cpu_list(text: str | None) -> int | None:
    """How many processors a list such as ``0-3,8`` names; ``None`` when it is empty or malformed."""
    total = 0
    for part in (text or "").strip().split(","):
        first, _, last = part.partition("-")
        low = to_count(first)
        high = to_count(last) if last else low
        if low is None or high is None or high < low:
            return None
        total += high - low + 1
    return total
