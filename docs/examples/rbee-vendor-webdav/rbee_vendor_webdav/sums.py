"""SHA256SUMS, the list of digests that ``sha256sum * > SHA256SUMS`` writes into a folder."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from rbee_core.contracts import Digest

from .listing import Entry

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9A-Fa-f]{64})[ \t]+\*?(\S.*)")


def with_digests(files: Iterable[Entry], text: bytes) -> list[Entry]:
    """The files, each with the digest that the list has for its name."""
    lines = [_LINE.fullmatch(line.strip()) for line in text.decode("utf-8", "replace").splitlines()]
    sums = {line[2]: Digest(f"sha256:{line[1].lower()}") for line in lines if line}
    return [replace(file, digest=sums.get(file.name)) for file in files]
