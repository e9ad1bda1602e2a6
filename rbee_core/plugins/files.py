"""Small JSON files that several processes share: replaced whole, under a lock."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..errors import UsageError

_T = TypeVar("_T")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty when there is no such file.

    :raises ValueError: it holds something else.
    :raises OSError: it cannot be read.
    """
    try:
        data = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(data, dict):
        raise ValueError("it is not a JSON object")
    return data


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Replace a file; a reader sees the old one or the new one, after a crash too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("w", encoding="utf-8") as file:
            json.dump(data, file, indent=2, ensure_ascii=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file, against other processes.

    :raises OSError: the folder cannot be written to.
    :raises TimeoutError: another process held it for ten seconds.
    """
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f"{path.name}.lock"), timeout=10):
        yield


class Kept(Generic[_T]):
    """A JSON file of the person's own, with a second copy of it: a damaged one loses nothing, and is kept.

    :param parse: checks what was read, as people edit such files; it raises a ValueError.
    :param render: the opposite.
    :param on_problem: told a sentence when the copy had to serve.
    """

    def __init__(
        self,
        path: Path,
        parse: Callable[[dict[str, Any]], _T],
        render: Callable[[_T], dict[str, Any]],
        on_problem: Callable[[str], None] | None = None,
    ) -> None:
        self.path = path
        self.backup = path.with_name(f"{path.name}.bak")
        self._parse, self._render, self._on_problem = parse, render, on_problem

    def read(self) -> _T:
        """What the file says. A damaged one is never taken for an empty one: its copy counts.

        :raises UsageError: neither the file nor its copy can be read.
        """
        try:
            return self._parse(read_json(self.path))
        except (ValueError, OSError) as error:
            try:
                if self.backup.is_file():
                    content = self._parse(read_json(self.backup))
                    if self._on_problem is not None:
                        self._on_problem(f"{self.path} cannot be read ({error}); its copy is used.")
                    return content
            except (ValueError, OSError):
                pass
            raise UsageError(
                f"{self.path} cannot be read: {error}", "Mend that file, or remove it to start with nothing in it."
            ) from None

    def change(self, edit: Callable[[_T], None]) -> _T:
        """Apply ``edit`` to the content under a lock, and write it.

        :raises UsageError: the file cannot be read, or its folder not be written.
        """
        try:
            with locked(self.path):
                content = self.read()
                edit(content)
                data = self._render(content)
                self._keep_damaged()
                write_json(self.path, data)
                write_json(self.backup, data)
        except OSError as error:
            raise UsageError(
                f"{self.path} cannot be written: {error.strerror or error}", "RBEE_HOME sets another place."
            ) from None
        return content

    def _keep_damaged(self) -> None:
        try:
            self._parse(read_json(self.path))
        except (ValueError, OSError):
            self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))
