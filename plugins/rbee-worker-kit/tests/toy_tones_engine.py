"""An engine that is a function: it counts, and notes when nobody listens any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rbee_worker_kit.answering import Answer, RefusedError, serve
from rbee_worker_kit.child import Serving, run


def load(config: dict[str, Any]) -> Serving:
    """The model is a folder's file; beside it lies what was noted."""
    note = Path(config["model"]).with_name("closed")

    def answer(path: str, asked: dict[str, Any]) -> Answer:
        if asked["count"] == 13:
            raise RefusedError("not thirteen", param="count", code="unlucky")
        return Answer("audio/tones", tones(asked["count"]))

    def tones(count: int) -> Iterator[bytes]:
        try:
            for number in range(count):
                yield b"%07d\n" % number
        finally:
            note.touch()

    return serve(config, answer, ["tones"])


if __name__ == "__main__":
    run(load)
