"""A program for the tests: does one thing to a store again and again, and is killed before each of its steps in turn.

``killed.py ROOT ACTION``: for N = 1, 2, …, a fork of this process works on ``ROOT/N``, a store prepared for it, and
kills itself with SIGKILL just before the Nth time that it asks the system to change a file. Ends when a fork needed
fewer than N such steps; prints how many there were.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path

from rbee_core.config import Config
from rbee_core.contracts import Digest, ModelEntry, ModelFile
from rbee_core.store import Store

OLD = {"m": b"old", "both": b"same"}
NEW = {"m": b"new", "sub/n": b"more", "both": b"same"}
_CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate"}


def stage(store: Store, contents: dict[str, bytes]) -> list[ModelFile]:
    """Put files where a download leaves them."""
    folder = store.partial_dir("x")
    files = []
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        # Bytes that are published already are not brought again.
        digest = Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")
        if store.has_blob(digest) is None:
            (folder / name).write_bytes(data)
        files.append(ModelFile(name=name, size=len(data), digest=digest))
    return files


def publish(store: Store, contents: dict[str, bytes]) -> None:
    """Stage, publish and register."""
    files = stage(store, contents)
    folder = store.publish("x", store.partial_dir("x"), files)
    store.catalog.put(ModelEntry(id="x", name="x", source="hf:o/x", path=str(folder), files=files))


def _arm(step: int) -> None:
    left = step

    def watch(event: str, args: tuple[object, ...]) -> None:
        nonlocal left
        changing = event in _CHANGES or (
            event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if not changing:
            return
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def main(root: Path, action: str) -> int:
    step = 0
    while True:
        step += 1
        store = Store(Config(env={"RBEE_MODELS_DIR": str(root / str(step))}))
        publish(store, OLD)
        if action == "publish":
            files = stage(store, NEW)
        child = os.fork()
        if child == 0:
            _arm(step)
            if action == "publish":
                store.publish("x", store.partial_dir("x"), files)
            elif action == "remove":
                store.remove("x")
            else:
                store.catalog.update("x", lambda entry: entry.model_copy(update={"name": "new"}))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            return step if os.waitstatus_to_exitcode(status) == 0 else -1


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), sys.argv[2]))  # noqa: T201 — for the test that started it
