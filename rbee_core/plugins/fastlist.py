"""``rbee plugins list --json`` in as few imports as it takes."""

from __future__ import annotations

import json
import sys

from ..config import Config
from .records import discover


def listing(config: Config | None = None) -> str:
    """The JSON document, with its last newline.

    :raises UsageError: a setting is malformed; the full command line words that properly.
    """
    rows = [record.row() for record in discover(config or Config())]
    plain = "utf" not in (sys.stdout.encoding or "").lower()
    return json.dumps({"plugins": rows}, indent=2, ensure_ascii=plain) + "\n"
