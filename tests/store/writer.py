"""A program for the tests: adds entries to a catalog, and says of each that it is in.

``writer.py ROOT NAME COUNT``: adds ``NAME-0`` to ``NAME-<COUNT - 1>``, each printed once `put` has returned.
``writer.py ROOT NAME COUNT KILLS``: forks KILLS writers one after the other and kills each at a random moment.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from rbee_core.contracts import ModelEntry
from rbee_core.store import FsCatalog


def write(root: Path, name: str, count: int) -> None:
    """Add the entries."""
    catalog = FsCatalog(root)
    for number in range(count):
        entry_id = f"{name}-{number}"
        catalog.put(
            ModelEntry(id=entry_id, name=entry_id, source=f"hf:o/{entry_id}", path="", metadata={"x": "y" * 500})
        )
        os.write(1, f"{entry_id}\n".encode())


def kill_writers(root: Path, name: str, count: int, kills: int) -> None:
    """Start writers, and kill each at a random moment of its first, second, third or fourth entry."""
    moments = random.Random(os.urandom(8))
    write(root, "first", 1)  # so that what is imported late is imported before the forks
    for kill in range(kills):
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.dup2(theirs, 1)
            write(root, f"{name}-{kill}", count)
            os._exit(0)
        os.close(theirs)
        with os.fdopen(ours, "rb") as reader:
            promised = [reader.readline() for _ in range(moments.randrange(4))]
            time.sleep(moments.uniform(0, 0.02))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.write(1, b"".join([*promised, *reader.readlines()]))
        # Readable at once, by somebody who never heard of the kill.
        os.write(1, f"read {len(FsCatalog(root).list())}\n".encode())


if __name__ == "__main__":
    if len(sys.argv) > 4:
        kill_writers(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        write(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
