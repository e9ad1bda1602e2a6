"""A receiver that is killed at any moment loses nothing and publishes nothing wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from rbee_core.testing.cli import clean_env

SIZE = 2_000_000
#: Receives SIZE bytes, telling where it began and how far it is.
CHILD = f"""
import hashlib, sys
from pathlib import Path
from rbee_core.contracts.common import Digest
from rbee_core.jobs import Job
from rbee_core.transfer import Source, Tally, receive

DATA = hashlib.shake_256(b"x").digest({SIZE})

def open_at(offset):
    print("from", offset, flush=True)
    for begin in range(offset, len(DATA), 1000):
        yield DATA[begin : begin + 1000]
        print("at", begin + 1000, flush=True)

digest = Digest("sha256:" + hashlib.sha256(DATA).hexdigest())
receive(Source("m.gguf", open_at, len(DATA), digest, "v1"), Path(sys.argv[1]), Tally(Job(), len(DATA)))
print("done", flush=True)
"""


def test_killed_again_and_again(tmp_path: Path) -> None:
    dest, part = tmp_path / "m.gguf", tmp_path / "m.gguf.part"
    began: list[int] = []
    kept = 0
    for stop in [0, 1000, 300_000, 301_000, 900_000, 1_400_000, None]:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(dest)], stdout=subprocess.PIPE, text=True, env=clean_env()
        )
        assert child.stdout is not None
        lines = []
        for line in child.stdout:
            lines.append(line.split())
            if stop is not None and int(lines[-1][1]) >= max(stop, kept):
                child.kill()
                break
        rest = child.stdout.read()
        child.stdout.close()
        code = child.wait(60)
        assert lines[0] == ["from", str(kept)]
        began.append(kept)
        if stop is None:
            assert (code, lines[-1], rest) == (0, ["done"], "")
            break
        assert code == -9
        assert not dest.exists()
        kept = part.stat().st_size
    assert began[-1] >= 1_300_000
    assert dest.stat().st_size == SIZE
    assert [path.name for path in tmp_path.iterdir()] == ["m.gguf"]
