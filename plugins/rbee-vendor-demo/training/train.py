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
from itertools import islice
from pathlib import Path

os.environ.setdefault("RAYON_NUM_THREADS", "2")  # the tokenizer's threads
os.environ.setdefault(
    "OMP_WAIT_POLICY", "passive"
)  # threads that spin while they wait are very slow on a shared machine

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

import corpus
import export
import tokenizer as bpe
from model import Config, Llama

SEED = 1234
THREADS = 2  # part of the recipe: another number adds up in another order and gives other bytes
BATCH_TOKENS = 4_096
POOL = 256  # samples that are sorted by length together
IGNORED = -100  # target of a padding token: PyTorch's cross-entropy leaves it out
STEPS = 1_300
QUICK_STEPS = 4
MATRIX_RATE = 0.016  # Muon, for the matrices of the layers
OTHER_RATE = 0.004  # AdamW, for the embedding and the norms
WARM_UP = 40  # steps
COPY_STEPS = 100  # of the steps: the first ones only teach to repeat
BRIEF_PART = 0.3  # of the steps: first come brief stories, in which it is easy to see who is who


def batches(tokenizer: Tokenizer, samples: Iterator[str], longest: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of inputs and targets, one sample to a row, each at the place where a prompt begins.

    Rows are of like length, so little is padding, and no sample sees another: a model that finds the names of many
    stories in its context learns very late whom its own story is about.
    """
    rng = random.Random(SEED)
    padding = tokenizer.token_to_id(corpus.END)
    while True:
        rows = [tokenizer.encode(next(samples), add_special_tokens=False).ids[: longest + 1] for _ in range(POOL)]
        rows.sort(key=len)
        ready, batch = [], []
        for row in rows:
            if batch and len(row) * (len(batch) + 1) > BATCH_TOKENS:
                ready.append(batch)
                batch = []
            batch.append(row)
        rng.shuffle(ready)  # the longest rows, which did not fill a batch, are left out
        for batch in ready:
            width = max(map(len, batch)) - 1
            inputs = [row[:-1] + [padding] * (width + 1 - len(row)) for row in batch]
            targets = [row[1:] + [IGNORED] * (width + 1 - len(row)) for row in batch]
            yield torch.tensor(inputs), torch.tensor(targets)


def copying(vocab_size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of random tokens, each row the same tokens twice; only the repetition is asked for.

    A network that has learned in a minute to repeat what it sees learns much sooner to keep to a story's names.
    """
    length = 16
    while True:
        once = torch.randint(len(corpus.SPECIAL_TOKENS), vocab_size, (BATCH_TOKENS // (2 * length), length))
        twice = torch.cat((once, once), dim=1)
        targets = twice[:, 1:].clone()
        targets[:, : length - 1] = IGNORED
        yield twice[:, :-1], targets


def rate_factor(step: int, steps: int) -> float:
    """Learning rate at `step` as a part of the highest: a short rise, a plateau, then straight down to nothing."""
    return min((step + 1) / WARM_UP, 1.0, (steps - step) / (0.7 * steps))


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
    brief, data, held_out = (
        batches(tokenizer, samples, config.context_length)
        for samples in (corpus.samples(SEED + 1, brief_share=1.0), corpus.samples(SEED + 2), corpus.samples(SEED + 3))
    )
    copies = copying(config.vocab_size)
    held_out = list(islice(held_out, 12))
    lines, average, start = [], math.log(config.vocab_size), time.monotonic()
    for step in range(steps):
        for optimizer, top in zip(optimizers, top_rates, strict=True):
            optimizer.param_groups[0]["lr"] = top * rate_factor(step, steps)
        lesson = copies if step < min(COPY_STEPS, steps // 4) else brief if step < BRIEF_PART * steps else data
        loss = loss_on(network, *next(lesson))
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
        final = sum(loss_on(network, *batch).item() for batch in held_out) / len(held_out)
    summary = {
        "parameters": sum(p.numel() for p in network.parameters()),
        "steps": steps,
        "tokens_per_step": BATCH_TOKENS,
        "held_out_loss": round(final, 4),
    }
    print(json.dumps(summary | {"seconds": round(time.monotonic() - start, 1)}))
    if log:
        log.write_text("".join(json.dumps(line) + "\n" for line in [*lines, summary]))
    return network, tokenizer, summary


def loss_on(network: Llama, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy (nats per token) of predicting each token from those before it."""
    with torch.autocast("cpu", torch.bfloat16):  # twice as fast and more where the processor has bfloat16
        logits = network(inputs)
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the exported files and the loss log")
    parser.add_argument(
        "--quick", action="store_true", help=f"only {QUICK_STEPS} steps: tests the machinery, not the text"
    )
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    steps = QUICK_STEPS if arguments.quick else arguments.steps
    network, tokenizer, _ = train(steps, arguments.out / "loss.jsonl")
    export.export(network, tokenizer, arguments.out)


if __name__ == "__main__":
    main()
