"""Parts of a machine's file system as one text, for tests of what is read out of ``/sys`` and ``/proc``.

The text is what ``tail -n +1 FILE…`` prints on the machine: before each file a line ``==> path <==``. Lines before the
first such line are a remark, such as where the state is documented.
"""

from __future__ import annotations

import re
from pathlib import Path

_HEADING = re.compile(r"^==> /?(.+) <==$")


def unpack(text: str, root: Path) -> Path:
    """Write the files of a text below ``root``; a path that ends with ``/`` is a folder.

    :raises ValueError: a path leaves ``root``.
    """
    files: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if match := _HEADING.match(line):
            lines = files.setdefault(match[1], [])
        else:
            lines.append(line)
    for name, content in files.items():
        path = root / name
        if ".." in path.parts or not path.is_relative_to(root):
            raise ValueError(f"{name} leaves the tree")
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(content).strip("\n") + "\n", encoding="utf-8")
    return root
