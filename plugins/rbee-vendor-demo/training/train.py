"""Trains everything with one command: `python train.py --out OUT` (tokenizer, network, loss log, exported files).

The same machine, the same number of threads and the same versions give the same bytes.
"""

import argparse
import json
import math
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("RAYON_NUM_THREADS", "2")  # the tokenizer's threads
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that spin while they wait are very slow on a shared machine

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import corpus
import export
import tokenizer as bpe
from model import Config, Llama

SEED = 1234
THREADS = 2  # part of the recipe: another number adds up in another order and gives other bytes
BATCH = 8  # blocks of `context_length` tokens
STEPS = 1_000
QUICK_STEPS = 4
MATRIX_RATE = 0.02  # Muon, for the matrices of the layers
OTHER_RATE = 0.004  # AdamW, for the embedding and the norms
WARM_UP = 40  # steps


def blocks(tokenizer: Tokenizer, seed: int, length: int) -> Iterator[list[int]]:
    """Blocks of `length` + 1 tokens; each begins where a sample begins, as a prompt does."""
    stream = corpus.samples(seed)
    while True:
        block: list[int] = []
        while len(block) <= length:
            block += tokenizer.encode(next(stream), add_special_tokens=False).ids
        yield block[: length + 1]


def rate_factor(step: int, steps: int) -> float:
    """Learning rate at `step` as a part of the highest: a short rise, a plateau, then straight down to nothing."""
    return min((step + 1) / WARM_UP, 1.0, (steps - step) / (0.6 * steps))


def train(steps: int, log: Path | None = None) -> tuple[Llama, Tokenizer, dict]:
    """Train for `steps` steps. Gives the network, the tokenizer and the numbers for the model card."""
    torch.manual_seed(SEED)
    random.seed(SEED)
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    config = Config()
    tokenizer = bpe.train(SEED, config.vocab_size)
    network = Llama(config)
    matrices = [p for n, p in network.named_parameters() if p.dim() == 2 and "embed" not in n]
    others = [p for n, p in network.named_parameters() if p.dim() != 2 or "embed" in n]
    optimizers = [
        torch.optim.Muon(matrices, lr=MATRIX_RATE, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW(others, lr=OTHER_RATE, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    top_rates = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
    data, held_out = blocks(tokenizer, SEED + 1, config.context_length), blocks(tokenizer, SEED + 2, config.context_length)
    check = torch.tensor([next(held_out) for _ in range(32)])
    lines, average, start = [], math.log(config.vocab_size), time.monotonic()
    for step in range(steps):
        for optimizer, top in zip(optimizers, top_rates, strict=True):
            optimizer.param_groups[0]["lr"] = top * rate_factor(step, steps)
        batch = torch.tensor([next(data) for _ in range(BATCH)])
        loss = loss_on(network, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        average += 0.03 * (loss.item() - average)
        if step % 50 == 49 or step == steps - 1:
            lines.append({"step": step + 1, "loss": round(average, 4), "seconds": round(time.monotonic() - start, 1)})
            print(json.dumps(lines[-1]), flush=True)
    with torch.no_grad():
        final = sum(loss_on(network, part).item() for part in check.split(BATCH)) / len(check.split(BATCH))
    summary = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "steps": steps,
        "tokens": steps * BATCH * config.context_length,
        "held_out_loss": round(final, 4),
    }
    print(json.dumps(summary | {"seconds": round(time.monotonic() - start, 1)}))
    if log:
        log.write_text("".join(json.dumps(line) + "\n" for line in [*lines, summary]))
    return network, tokenizer, summary


def loss_on(network: Llama, batch: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy (nats per token) of predicting each token from those before it."""
    with torch.autocast("cpu", torch.bfloat16):  # twice as fast and more where the processor has bfloat16
        logits = network(batch[:, :-1])
    return F.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the exported files and the loss log")
    parser.add_argument("--quick", action="store_true", help=f"only {QUICK_STEPS} steps: tests the machinery, not the text")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    steps = QUICK_STEPS if arguments.quick else arguments.steps
    network, tokenizer, _ = train(steps, arguments.out / "loss.jsonl")
    export.export(network, tokenizer, arguments.out)


if __name__ == "__main__":
    main()
