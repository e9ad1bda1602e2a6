"""The matrix as a table: ``python tests/support/fault_table.py LINES``, of what `FaultMatrix.record` wrote."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rbee_core.testing.faults.faults import FAULTS, OK


def table(lines: Path) -> str:
    """Faults down, vendors across, in Markdown."""
    found: dict[tuple[str, str], str] = {}
    for line in lines.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found[row["vendor"], row["fault"]] = "right bytes" if row["outcome"] == OK else f"`{row['outcome']}`"
    vendors = sorted({vendor for vendor, _fault in found})
    rows = [["what goes wrong", *vendors], ["---"] * (len(vendors) + 1)]
    rows += [[fault.about, *(found.get((vendor, name), "") for vendor in vendors)] for name, fault in FAULTS.items()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table(Path(sys.argv[1])))
