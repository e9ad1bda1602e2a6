"""The process itself: ``python -m rbee_core.testing.plugin_process.guest KIND NAME DIST STDOUT``.

Each line of its standard input is a question, ``{"do": …}`` with the name of a method of `calls.Calls`, or of
`command_calls.CommandCalls`, and its arguments; each is answered with one line, but ``{"do": "cancel"}`` with none.
Hooks run in the main thread, as they do in rbee. Standard output leads into the file STDOUT, so that whatever a plugin
prints is found there.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import Any

from .outcome import outcome
from .watch import Watch, changes, state

_END: dict[str, Any] = {"do": "end"}


def main(kind: str, name: str, dist: str, stdout: str) -> None:
    """Answer until standard input ends."""
    questions = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    _lead(os.devnull, os.O_RDONLY, 0)
    _lead(stdout, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 1)
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    calls: Any
    if kind == "command":
        from .command_calls import CommandCalls

        calls = CommandCalls(Watch(), kind, name, dist)
    else:
        from .calls import Calls

        calls = Calls(Watch(), kind, name, dist)
    threading.Thread(target=_read, args=(questions, waiting, calls), daemon=True).start()
    before = state()

    def answer(found: dict[str, Any]) -> None:
        sys.stdout.flush()
        printed = Path(stdout).read_text(encoding="utf-8", errors="replace")
        found |= {"calls": calls.seen, "changes": changes(before, state()), "printed": printed[-2000:]}
        answers.write(json.dumps(found, default=repr) + "\n")
        answers.flush()

    answer(outcome(calls.load, failed="failure"))
    while (question := waiting.get()) is not _END:
        calls.seen = []
        do = getattr(calls, str(question.pop("do")))
        answer(outcome(lambda do=do, question=question: do(**question)))
    os._exit(0)


def _read(lines: Any, waiting: queue.SimpleQueue[dict[str, Any]], calls: Any) -> None:
    for line in lines:
        question = json.loads(line)
        if question["do"] == "cancel":
            calls.cancel()
        else:
            waiting.put(question)
    waiting.put(_END)


def _lead(path: str, flags: int, number: int) -> None:
    file = os.open(path, flags, 0o600)
    os.dup2(file, number)
    os.close(file)


if __name__ == "__main__":
    main(*sys.argv[1:5])
