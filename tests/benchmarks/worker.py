"""Tokens per second of the worker beside the engine called directly (design §7): the same model, client and run.

Run by hand: ``uv run python tests/benchmarks/worker.py [--model REF] [--rounds N]``. It builds the worker if need be,
in this user's home. The engine's side is ``xllamacpp.Server`` with its own HTTP listener, on the same number of
threads. Prints a Markdown table: the median of the rounds, at 1 and at 8 parallel streams. The two take turns.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ENGINE = """
import json, sys, threading, xllamacpp
model, threads = sys.argv[1], int(sys.argv[2])
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel, params.verbosity = model, 8 * 512, 8, 1
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
server = xllamacpp.Server(params)
print(server.listening_address.rpartition(":")[2], flush=True)
threading.Event().wait()
"""


def rbee(*arguments: str) -> Any:
    """A command's JSON document."""
    done = subprocess.run([sys.executable, "-m", "rbee_core", *arguments, "--json"], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def tokens_per_second(port: int, streams: int, tokens: int = 256) -> float:
    """Ask for ``streams`` answers at once and read them to their ends, looking into them as little as can be."""
    selector = selectors.DefaultSelector()
    for number in range(streams):
        body = json.dumps(
            {"prompt": f"Once, number {number}", "max_tokens": tokens, "ignore_eos": True, "stream": True}
        ).encode()
        head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(head + body)
        selector.register(connection, selectors.EVENT_READ, bytearray())
    began = time.perf_counter()
    events = 0
    while selector.get_map():
        for key, _ in selector.select():
            data = key.fileobj.recv(1 << 16)  # type: ignore[union-attr]
            events += data.count(b'"object"')
            key.data[:] = (key.data + data)[-40:]
            if b"[DONE]" in key.data or not data:
                selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
    return events / (time.perf_counter() - began)


def write_row(streams: int, rates: dict[str, list[float]]) -> None:
    """One line of the table: the medians of all rounds."""
    middle = {name: statistics.median(found) for name, found in rates.items()}
    ratio = middle["worker"] / middle["engine"]
    sys.stdout.write(f"| {streams} | {middle['engine']:.0f} | {middle['worker']:.0f} | {ratio:.2f} |\n")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo:stories")
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    served = rbee("serve", given.model, "--detach", "--parallel", "8", "--context", "512")
    engine: subprocess.Popen[str] | None = None
    try:
        import psutil

        front = psutil.Process(served["pid"])
        python = front.cmdline()[0]
        path = Path(rbee("models", "show", given.model)["path"])
        count = "import os, sys, rbee_worker_kit.settings as s; print(s.default_threads(os.path.getsize(sys.argv[1])))"
        threads = subprocess.run([python, "-c", count, path], capture_output=True, text=True, check=True).stdout.strip()
        engine = subprocess.Popen([python, "-c", ENGINE, str(path), threads], stdout=subprocess.PIPE, text=True)
        assert engine.stdout is not None
        ports = {"engine": int(engine.stdout.readline()), "worker": int(served["port"])}
        sys.stdout.write("| streams | engine, tokens/s | worker, tokens/s | worker / engine |\n|---|---|---|---|\n")
        for streams in (1, 8):
            rates: dict[str, list[float]] = {name: [] for name in ports}
            for turn in range(given.rounds + 1):
                for name, port in ports.items():
                    rate = tokens_per_second(port, streams)
                    if turn:  # the first warms up
                        rates[name].append(rate)
            write_row(streams, rates)
    finally:
        if engine is not None:
            engine.kill()
        rbee("stop", served["id"])


if __name__ == "__main__":
    main()
