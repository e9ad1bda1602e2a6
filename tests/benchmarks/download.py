"""Downloads side by side: rbee (which verifies) against other tools, one file, one server, one run.

Run by hand, on an idle machine: ``uv run python tests/benchmarks/download.py [--size MIB] [--limit MB_PER_S] [--only
WORD]``; with the sizes as they are it takes seven minutes, most of them waiting for tools of one connection. Prints two
Markdown tables: wall-clock seconds of the whole command, MB/s, CPU seconds and peak resident memory of its processes.
How the tools are got stands in `download_tools`. Python tools run once before they are measured, with a small file, so
that all have their bytecode, as installed programs have. Last comes what the design asks for, beside what came.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from download_tools import Run, Tools, install_peers
from one_file_server import NAME

HERE = Path(__file__).parent
SMALL = 9 << 20
#: Who is held against whom where nothing limits them.
PEER_OF = (
    ("rbee http", "aria2c -x16 + sha256sum"),
    ("rbee hf", "hf_hub_download"),
    ("rbee registry", "skopeo"),
    ("rbee s3", "s5cmd"),
    ("rbee s3", "s5cmd + sha256sum"),
    ("rbee s3 with sha256", "s5cmd"),
    ("rbee s3 with sha256", "s5cmd + sha256sum"),
)


@dataclass(frozen=True)
class Figures:
    """What a run took; ``trouble`` says why it came to nothing."""

    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0
    trouble: str = ""


def measure(run: Run, bytecode: Path) -> Figures:
    """Run one tool to its end."""
    program = run.command[3] if run.command[0] == "sh" else run.command[0]
    if shutil.which(program) is None:
        return Figures(trouble=f"absent: {Path(program).name} is not installed")
    env = {**os.environ, **run.env, "RCLONE_CONFIG": os.devnull, "PYTHONPYCACHEPREFIX": str(bytecode)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(run.command, env=env, stdout=log, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            last = log.read().decode(errors="replace").strip().splitlines()[-1:]
            return Figures(trouble=f"failed: {''.join(last)[:200]}")
    return Figures(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


@contextmanager
def server(file: Path, limit: int) -> Iterator[tuple[int, str]]:
    """The one-file server in a process of its own; its port and the file's sha256."""
    process = subprocess.Popen(
        [sys.executable, str(HERE / "one_file_server.py"), str(file), str(limit)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port, sha256 = process.stdout.readline().split()
        yield int(port), sha256
    finally:
        process.kill()
        process.wait()


@contextmanager
def tools(file: Path, limit: int, peers: Path, only: str) -> Iterator[Iterator[Run]]:
    """Those whose name has a word, and curl; each starts with an empty folder."""
    with server(file, limit) as (port, sha256), tempfile.TemporaryDirectory(dir=file.parent) as name:
        out = Path(name) / "out"

        def each() -> Iterator[Run]:
            for run in Tools(port, sha256, peers, out).all():
                if only in run.name or run.name == "curl":
                    shutil.rmtree(out, ignore_errors=True)
                    out.mkdir()
                    yield run

        yield each()


def warm_up(file: Path, peers: Path, only: str, bytecode: Path) -> None:
    """Let every Python tool write its bytecode."""
    with tools(file, 0, peers, only) as runs:
        for run in runs:
            if run.is_python:
                measure(run, bytecode)


def table(file: Path, limit: int, peers: Path, only: str, bytecode: Path) -> dict[str, float]:
    """Run everything once and print the table; the seconds that each tool took."""
    size = file.stat().st_size
    at = f"{limit / 1e6:.0f} MB/s for each connection" if limit else "no limit"
    print(f"\n{size >> 20} MiB, {at}\n")
    print("| tool | compares with | s | MB/s | times curl | CPU s | peak MiB |\n|---|---|---|---|---|---|---|")
    took: dict[str, float] = {}
    with tools(file, limit, peers, only) as runs:
        for run in runs:
            got = measure(run, bytecode)
            if got.trouble:
                print(f"| {run.name} | | {got.trouble} | | | | |", flush=True)
                continue
            took[run.name] = got.seconds
            times = f"{took['curl'] / got.seconds:.1f}" if "curl" in took else ""
            figures = f"{got.seconds:.2f} | {size / got.seconds / 1e6:.0f} | {times} | {got.cpu:.2f}"
            print(f"| {run.name} | {run.verified} | {figures} | {got.peak >> 20} |", flush=True)
    return took


def print_targets(free: dict[str, float], limited: dict[str, float]) -> None:
    """What the design asks for, and whether it holds in these two tables."""
    print("\n| asked for | came | holds |\n|---|---|---|")
    for name in (name for name in limited if name.startswith("rbee") and "curl" in limited):
        times = limited["curl"] / limited[name]
        print(f"| {name}: 12 times one connection | {times:.1f} times | {'yes' if times >= 12 else 'no'} |")
    for name, peer in PEER_OF:
        if name in free and peer in free:
            mine, other = free[name], free[peer]
            print(
                f"| {name} not slower than {peer} | {mine:.2f} s, {other:.2f} s | {'yes' if mine <= other else 'no'} |"
            )


def random_file(path: Path, size: int) -> Path:
    """A file that cannot be compressed."""
    path.parent.mkdir(parents=True)
    with path.open("wb") as writer:
        for _ in range(size >> 20):
            writer.write(os.urandom(1 << 20))
    return path


def main() -> None:
    """Both tables: without a limit, and with one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="MiB")
    parser.add_argument("--limit", type=float, default=25, help="MB/s for each connection, in the second table")
    parser.add_argument("--only", default="", help="tools whose name has this word")
    parser.add_argument("--peers", type=Path, help="an environment that has the other tools, instead of a new one")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, load before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peers = arguments.peers or install_peers(folder)
        small = random_file(folder / "small" / NAME, SMALL)
        file = random_file(folder / "large" / NAME, arguments.size << 20)
        bytecode = folder / "bytecode"
        warm_up(small, peers, arguments.only, bytecode)
        free = table(file, 0, peers, arguments.only, bytecode)
        limited = table(file, int(arguments.limit * 1e6), peers, arguments.only, bytecode)
        print_targets(free, limited)


if __name__ == "__main__":
    main()
