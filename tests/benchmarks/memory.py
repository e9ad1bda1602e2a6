"""How far the planned memory is from what llama.cpp really allocates, for models of many shapes.

Run by hand: ``uv run python tests/benchmarks/memory.py [--python PYTHON] [--only NAME]``. ``PYTHON`` has xllamacpp;
without it the worker is built, if need be, in this user's home. The models are made by script: a few layers of the
widths that published models have, with holes in the files where weights would be. Each is loaded with the worker's own
parameters, on the CPU, and the engine's log says what it allocated. Prints a Markdown table, in MiB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from planning.memory.cases import CASES, Case, Compared, compare  # noqa: E402

_PARTS = ("weights", "kv", "compute")


def worker_python() -> Path:
    """The interpreter of the built worker."""
    for command in (["workers", "build", "llm-worker-cpu"], ["workers", "installed"]):
        done = subprocess.run(
            [sys.executable, "-m", "rbee_core", *command, "--json"], stdout=subprocess.PIPE, check=True
        )
    (worker,) = [row for row in json.loads(done.stdout)["workers"] if row["id"] == "llm-worker-cpu"]
    return Path(worker["path"]) / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def row(found: Compared) -> str:
    """One line of the table: estimated / real of each part, and the errors."""
    host, real = found.estimated.host, found.real
    cells = [
        f"{getattr(host, part) / 2**20:.1f} / {getattr(real, part) / 2**20:.1f} ({found.error(part):+.1f} %)"
        if getattr(real, part) else f"{getattr(host, part) / 2**20:.1f} / 0"
        for part in _PARTS
    ]  # fmt: skip
    process = "?" if real.process is None else f"{real.process / 2**20:.0f}"
    return f"| {found.case} | {' | '.join(cells)} | {found.process / 2**20:.0f} / {process} | {found.error():+.1f} % |"


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, help="an interpreter with xllamacpp")
    parser.add_argument("--only", default="", help="shapes whose names contain this")
    given = parser.parse_args()
    python = given.python or worker_python()
    env = {"PYTHONPATH": ":".join(str(ROOT / "plugins" / name) for name in ("rbee-worker-llm", "rbee-worker-kit"))}
    cases: list[Case] = [case for case in CASES if given.only in case.shape]
    print("| model, requests x context, KV type | weights | KV | compute | process | all |")
    print("|---|---|---|---|---|---|")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            found.append(compare(case, Path(folder), python, env))
            print(row(found[-1]), flush=True)
    errors = [one.error() for one in found]
    print(f"\nAll: {min(errors):+.1f} % to {max(errors):+.1f} %.")
    for part in _PARTS:
        errors = [one.error(part) for one in found if getattr(one.real, part)]
        print(f"{part}: {min(errors):+.1f} % to {max(errors):+.1f} %.")


if __name__ == "__main__":
    main()
