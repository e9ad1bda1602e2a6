"""Parts of a machine as one text: files out of ``/sys`` and ``/proc``, outputs of tools; for tests of detection.

The text is what ``tail -n +1 FILE…`` prints on the machine: before each file a line ``==> path <==``. An output stands
below ``==> $ command <==``. Lines before the first such line are a remark, such as where the state is documented.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

_HEADING = re.compile(r"^==> /?(.+) <==$")


def sections(text: str) -> dict[str, str]:
    """What stands below each heading; of a heading that comes twice all of it."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if match := _HEADING.match(line):
            lines = found.setdefault(match[1], [])
        else:
            lines.append(line)
    return {name: "\n".join(content).strip("\n") + "\n" for name, content in found.items()}


def unpack(text: str, root: Path) -> Path:
    """Write the files of a text below ``root``; a path that ends with ``/`` is a folder.

    :raises ValueError: a path leaves ``root``.
    """
    for name, content in sections(text).items():
        path = root / name
        if ".." in path.parts or not path.is_relative_to(root):
            raise ValueError(f"{name} leaves the tree")
        if name.startswith("$ "):
            continue
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return root


def tools(text: str) -> Callable[[Sequence[str]], str | None]:
    """Stands in for starting tools: gives the outputs of a text, by the tool's own name and its arguments.

    This Python is called ``python``, whatever its file is.
    """
    outputs = {name[2:]: content for name, content in sections(text).items() if name.startswith("$ ")}

    def run(argv: Sequence[str]) -> str | None:
        words = ["python" if word == sys.executable else Path(word).name for word in argv]
        return outputs.get(" ".join(words))

    return run
