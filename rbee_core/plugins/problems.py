"""What is wrong with a plugin, and where it stands in its code."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class PluginProblem:
    """One thing that is wrong: which rule it breaks (`rbee_core.checking.rules`), what, and where.

    ``fatal`` says that the plugin is not used with it.
    """

    rule: str
    message: str
    where: str | None = None
    hint: str | None = None
    fatal: bool = True

    @property
    def reason(self) -> str:
        """One line, with the place."""
        return f"{self.message} ({self.where})" if self.where else self.message


def package_of(entry_point: str) -> str:
    """The top-level package or module that an entry point names."""
    return entry_point.partition(":")[0].partition(".")[0].strip()


def place(function: Any) -> str | None:
    """Where a function is written, as ``package/module.py:12``."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return None if code is None else written(code.co_filename, code.co_firstlineno)


def written(file: str, line: int | None) -> str:
    """A line of a file, named from the folder of its outermost package on."""
    path = Path(file)
    folder = path.parent
    while (folder / "__init__.py").is_file() and folder != folder.parent:
        folder = folder.parent
    name = path.relative_to(folder).as_posix()
    return f"{name}:{line}" if line else name
