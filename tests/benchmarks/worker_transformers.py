"""Tokens per second of the transformers worker beside transformers' own ``generate`` (design §7): same model, same run.

Run by hand: ``uv run python tests/benchmarks/worker_transformers.py [--model REF] [--rounds N]``. It builds the worker
if need be, in this user's home. ``generate`` runs in the worker's environment, without HTTP, on as many threads, with
all streams as one batch. Prints a Markdown table: the median of the rounds, at 1 and at 8 streams. They take turns.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from worker import rbee, tokens_per_second, write_row

TOKENS = 256

ENGINE = """
import sys, time, torch
from transformers import AutoModelForCausalLM
torch.set_num_threads(int(sys.argv[2]))
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32, use_safetensors=True).eval()
for line in sys.stdin:
    streams, tokens = map(int, line.split())
    ids = torch.arange(5, 12).repeat(streams, 1)
    began = time.perf_counter()
    model.generate(ids, attention_mask=torch.ones_like(ids), min_new_tokens=tokens, max_new_tokens=tokens)
    print(streams * tokens / (time.perf_counter() - began), flush=True)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="demo:stories-safetensors")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", default="1", help="for both; the demo model is quickest on one")
    given = parser.parse_args()
    served = rbee("serve", given.model, "--detach", "--parallel", "8", "--context", "512")
    engine: subprocess.Popen[str] | None = None
    try:
        import psutil

        python = psutil.Process(served["pid"]).cmdline()[0]
        path = Path(rbee("models", "show", given.model)["path"])
        pipe = subprocess.PIPE
        engine = subprocess.Popen(
            [python, "-c", ENGINE, str(path), given.threads],
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert engine.stdin is not None
        assert engine.stdout is not None
        sys.stdout.write("| streams | generate, tokens/s | worker, tokens/s | worker / generate |\n|---|---|---|---|\n")
        for streams in (1, 8):
            rates: dict[str, list[float]] = {"engine": [], "worker": []}
            for turn in range(given.rounds + 1):
                engine.stdin.write(f"{streams} {TOKENS}\n")
                engine.stdin.flush()
                found = {"engine": float(engine.stdout.readline())}
                found["worker"] = tokens_per_second(int(served["port"]), streams, TOKENS)
                for name, rate in found.items() if turn else ():  # the first warms up
                    rates[name].append(rate)
            write_row(streams, rates)
    finally:
        if engine is not None:
            engine.kill()
        rbee("stop", served["id"])


if __name__ == "__main__":
    main()
