"""Sizes as people write and read them."""

from __future__ import annotations

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}


def human_size(count: int | None) -> str:
    """Bytes as a person says them, in powers of 1000: ``2.2 GB``; ``?`` for an unknown number."""
    if count is None:
        return "?"
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{int(size)} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def parse_size(text: str) -> int:
    """Bytes, or a number with K, M, G, T (powers of 1000) or Ki, Mi, Gi, Ti (powers of 1024), a B after it or not.

    :raises ValueError: anything else.
    """
    body = text.strip().upper().removesuffix("B")
    number = body.rstrip("KMGTI")
    unit = body[len(number) :]
    if unit not in _UNITS:
        raise ValueError("expected bytes, or a size such as 200G")
    value = float(number)
    if not 0 <= value < float("inf"):
        raise ValueError("expected a positive size")
    return int(value * _UNITS[unit])
