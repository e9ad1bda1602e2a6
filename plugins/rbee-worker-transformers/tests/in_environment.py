"""Run in the worker's own environment: the engine's parts, counted and compared. Prints one JSON document.

``python in_environment.py DEMO_MODEL FOLDER``; what is small and made up is written into FOLDER.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import torch  # noqa: TID253
import transformers
from rbee_worker_transformers.loading import Loaded, load_model
from rbee_worker_transformers.runner import Prompt, make_runner
from rbee_worker_transformers.sampling import Sampler, Sampling, choose_all
from rbee_worker_transformers.scheduler import Scheduler
from rbee_worker_transformers.sequence import Sequence, Step
from rbee_worker_transformers.text import TextStream

#: Prompts of different length; the third is longer than a sliding window, and than what a pass reads.
PROMPTS = [[7, 8, 9], [20 + n for n in range(11)], [5 + n % 90 for n in range(530)], [40], [9, 8, 7, 6, 5]]
TOKENS = 24

SMALL: dict[str, Any] = {
    "vocab_size": 128, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 1024, "eos_token_id": 1, "bos_token_id": 0, "pad_token_id": 1,
}  # fmt: skip
#: Kinds of model: plain attention, sliding windows in all and in some layers, learned positions, ALiBi, recurrent.
KINDS: dict[str, dict[str, Any]] = {
    "llama": SMALL,
    "mistral": {**SMALL, "sliding_window": 16},
    "gemma3_text": {
        **SMALL, "head_dim": 8, "sliding_window": 16, "layer_types": ["sliding_attention"] * 2 + ["full_attention"],
    },
    "gpt2": {"vocab_size": 128, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 1024, "eos_token_id": 1},
    "bloom": {"vocab_size": 128, "hidden_size": 32, "n_layer": 2, "n_head": 4, "eos_token_id": 1},
    "qwen3_moe": {**SMALL, "head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32},
    "mamba": {"vocab_size": 128, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "eos_token_id": 1},
    "lfm2": {**SMALL, "layer_types": ["conv", "full_attention", "conv"], "block_ff_dim": 64},
}  # fmt: skip


def save(kind: str, folder: Path, demo: Path) -> None:
    """A model with random weights and the demo model's tokenizer."""
    torch.manual_seed(1)
    config = transformers.AutoConfig.for_model(kind, **KINDS[kind])
    model = transformers.AutoModelForCausalLM.from_config(config)
    for weights in model.parameters():  # large enough that every token counts
        weights.data.mul_(3)
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(demo / name, folder / name)


def load(folder: Path, context: int = 1024, **options: Any) -> Loaded:
    given = {"model": str(folder), "device": "CPU-0", "threads": 1, "kv_type": "auto", "context": context, **options}
    return load_model(given)


class Run:
    """Sequences through a scheduler of their own."""

    def __init__(self, loaded: Loaded, parallel: int) -> None:
        self.loaded = loaded
        with torch.inference_mode():
            self.runner = make_runner(loaded, parallel)
        self.before = self.runner.passes
        self.scheduler = Scheduler(self.runner, parallel)
        self.scheduler.start()

    def ask(self, prompts: list[list[int]], tokens: int = TOKENS, sampling: Sampling | None = None) -> list[list[int]]:
        """The tokens that follow each prompt, asked for all at once."""
        left = threading.Semaphore(0)
        sampling = sampling or Sampling(temperature=0)

        def tell(step: Step) -> None:
            if step.finish:
                left.release()

        sequences = [
            Sequence(
                index=index,
                prompt=Prompt(prompt),
                sampler=Sampler(sampling, self.loaded.device, prompt, None),
                text=TextStream(self.loaded.tokenizer, [], []),
                most=tokens + index,  # they leave one after the other
                stops=frozenset(),
                tell=tell,
            )
            for index, prompt in enumerate(prompts)
        ]
        self.scheduler.submit(sequences)
        for _ in sequences:
            left.acquire()
        return [sequence.tokens for sequence in sequences]

    @property
    def passes(self) -> int:
        return self.runner.passes - self.before


def compare(loaded: Loaded) -> dict[str, Any]:
    """What sequences get together, alone, and from the model's own ``generate``."""
    together, alone = Run(loaded, 3), Run(loaded, 3)
    answers = together.ask(PROMPTS)
    single = [alone.ask([prompt], TOKENS + index)[0] for index, prompt in enumerate(PROMPTS)]
    own = []
    for index, prompt in enumerate(PROMPTS):
        most = TOKENS + index
        out = loaded.model.generate(
            torch.tensor([prompt]), attention_mask=torch.ones((1, len(prompt)), dtype=torch.long), do_sample=False,
            min_new_tokens=most, max_new_tokens=most, eos_token_id=None, pad_token_id=1,
            repetition_penalty=1.0,
        )  # fmt: skip
        own.append(out[0, len(prompt) :].tolist())
    return {
        "runner": type(together.runner).__name__,
        "same_as_alone": answers == single,
        "same_as_generate": answers == own,
        "distinct": len({tuple(answer[:8]) for answer in answers}),
        "passes_together": together.passes,
        "passes_alone": alone.passes,
        "widest": together.scheduler.widest,
    }


def long_life(loaded: Loaded) -> dict[str, Any]:
    """Sequences up to the context's last token, joining while others are at its end: columns are used up and moved."""
    run, alone = Run(loaded, 3), Run(loaded, 1)
    prompts = [[3 + (n * k) % 100 for n in range(5 + 17 * k)] for k in range(1, 7)]
    room = [loaded.context - len(prompt) for prompt in prompts]
    most = min(room) - len(prompts)
    return {
        "same": run.ask(prompts, most) == [alone.ask([prompt], most + i)[0] for i, prompt in enumerate(prompts)],
        "tokens": most,
    }


def faults(loaded: Loaded) -> dict[str, Any]:
    """One that is cancelled in the middle, and a step that fails: the others, and those that come after, go on."""
    run, alone = Run(loaded, 3), Run(loaded, 1)
    left = threading.Semaphore(0)
    steps: list[Step] = []

    def tell(step: Step) -> None:
        steps.append(step)
        if step.index == 0 and len(sequences[0].tokens) == 5:
            sequences[0].is_cancelled = True
        if step.finish:
            left.release()

    def ask(prompts: list[list[int]]) -> list[Sequence]:
        sampler = [Sampler(Sampling(temperature=0), loaded.device, prompt, None) for prompt in prompts]
        text = TextStream(loaded.tokenizer, [], [])
        return [
            Sequence(i, Prompt(prompt), sampler[i], text, TOKENS, frozenset(), tell) for i, prompt in enumerate(prompts)
        ]

    sequences = ask(PROMPTS[:3])
    run.scheduler.submit(sequences)
    left.acquire()
    left.acquire()
    others = [sequence.tokens for sequence in sequences[1:]]
    found: dict[str, Any] = {
        "cancelled": len(sequences[0].tokens),
        "others": others == [alone.ask([prompt])[0] for prompt in PROMPTS[1:3]],
    }
    step, calls = run.runner.step, []

    def failing(tokens: list[int]) -> Any:
        calls.append(len(tokens))
        if len(calls) == 4:
            raise RuntimeError("out of luck")
        return step(tokens)

    run.runner.step = failing  # type: ignore[method-assign]
    sequences = ask([[50, 51]])
    run.scheduler.submit(sequences)
    left.acquire()
    found["error"] = steps[-1].error
    found["after"] = run.ask([PROMPTS[0]]) == alone.ask([PROMPTS[0]])
    return found


def sampling() -> dict[str, Any]:
    """Choices from logits that are known."""
    device = torch.device("cpu")
    logits = torch.tensor([[0.0, 1.0, 2.0, 3.0, -1.0]])

    def draw(times: int = 300, **options: Any) -> list[int]:
        sampler = Sampler(Sampling(**options), device, [3], None)
        found = set()
        for _ in range(times):
            (chosen,) = choose_all(logits, [sampler])
            assert not isinstance(chosen, ValueError)
            found.add(chosen.token)
        return sorted(found)

    def draw_flat() -> set[int]:
        """Of 4000 tokens that are all alike, half are within the limit, in more than are looked at first."""
        sampler = Sampler(Sampling(top_p=0.5, seed=3), device, [], None)
        return {sampler.choose(torch.zeros(4000)).token for _ in range(2000)}

    def after(tokens: list[int], **options: Any) -> int:
        sampler = Sampler(Sampling(temperature=0, **options), device, [3], None)
        for token in tokens:
            sampler.take(token)
        return sampler.choose(logits[0]).token

    top = Sampler(Sampling(temperature=0, top_logprobs=2), device, [], None).choose(logits[0])
    broken = choose_all(torch.full((1, 5), float("nan")), [Sampler(Sampling(seed=1), device, [], None)])[0]
    return {
        "all": draw(temperature=2.0, seed=1),
        "top_k": draw(temperature=2.0, top_k=2, seed=1),
        "top_p": draw(temperature=1.0, top_p=0.7, seed=1),
        "min_p": draw(temperature=1.0, min_p=0.2, seed=1),
        "flat": len(draw_flat()),
        "same_seed": draw(1, seed=5) == draw(1, seed=5),
        "frequency": after([3, 3], frequency_penalty=1.0),
        "presence": after([3], presence_penalty=1.5),
        "repetition": after([], repetition_penalty=2.0),
        "bias": after([], logit_bias={4: 100.0}),
        "top": [top.token, [token for token, _ in top.top], round(sum(2.718281828**p for _, p in top.top), 3)],
        "broken": str(broken),
    }


def text(tokenizer: Any) -> dict[str, Any]:
    """Characters of several tokens, and stop strings that begin in one token and end in another."""
    ids = tokenizer("Ein Bär und 猫 🐈 end", add_special_tokens=False)["input_ids"]
    stream = TextStream(tokenizer, [], [])
    parts = [stream.add(token) for token in ids]
    stopped = TextStream(tokenizer, [], ["und 猫"])
    until = []
    for token in ids:
        until.append(stopped.add(token))
        if stopped.stopped:
            break
    near = TextStream(tokenizer, [], ["end of"])
    held = [near.add(token) for token in ids]
    return {
        "whole": "".join(parts),
        "broken": any("\ufffd" in part for part in parts),
        "tokens": len(ids),
        "until": "".join(until),
        "held": "".join(held),
        "freed": near.end(),
    }


CODE = """
from pathlib import Path
Path({marker!r}).write_text("ran")
from transformers import LlamaConfig, LlamaForCausalLM
class OwnConfig(LlamaConfig):
    model_type = "own"
class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig
"""


def foreign(folder: Path) -> dict[str, Any]:
    """Folders that would have code run: the model's own, known kind or not, and pickled weights."""
    marker = folder / "it-ran"
    found: dict[str, Any] = {}
    for name, kind in (("own", "own"), ("known", "llama")):
        copy = folder / name
        shutil.copytree(folder / "llama", copy)
        config = json.loads((copy / "config.json").read_text())
        code = {"AutoConfig": "modeling_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnModel"}
        (copy / "config.json").write_text(json.dumps({**config, "model_type": kind, "auto_map": code}))
        (copy / "modeling_own.py").write_text(CODE.format(marker=str(marker)))
        try:
            found[name] = type(load(copy).model).__name__
        except ValueError as error:
            found[name] = str(error)
    pickled = folder / "pickled"
    shutil.copytree(folder / "llama", pickled)
    (pickled / "model.safetensors").unlink()
    torch.save({}, pickled / "pytorch_model.bin")
    try:
        load(pickled)
    except ValueError as error:
        found["pickled"] = str(error)
    return {**found, "ran": marker.exists()}


def encoder(folder: Path, demo: Path) -> dict[str, Any]:
    """An encoder, saved, and the vectors of two texts by the plainest of ways."""
    torch.manual_seed(2)
    config = transformers.BertConfig(
        vocab_size=2048, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64
    )
    model = transformers.BertModel(config).eval()
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(demo / name, folder / name)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    vectors = []
    for given in ("A cat.", "The dog sat on the old mat by the door."):
        with torch.inference_mode():
            hidden = model(torch.tensor([tokenizer(given)["input_ids"]])).last_hidden_state[0].mean(0)
        vectors.append((hidden / hidden.norm()).tolist())
    return {"folder": str(folder), "vectors": vectors}


def main() -> None:
    """Everything."""
    transformers.logging.set_verbosity_error()
    demo, folder = Path(sys.argv[1]), Path(sys.argv[2])
    found: dict[str, Any] = {}
    for kind in KINDS:
        save(kind, folder / kind, demo)
        found[kind] = compare(load(folder / kind))
    loaded = load(demo, 512)
    small = load(folder / "llama", 150)
    found |= {
        "long_life": long_life(small),
        "faults": faults(load(folder / "llama")),
        "sampling": sampling(),
        "text": text(loaded.tokenizer),
    }
    found |= {"foreign": foreign(folder), "encoder": encoder(folder / "encoder", demo)}
    half = load(folder / "llama", kv_type="f16")
    found["kv_f16"] = {"runner": type(Run(half, 2).runner).__name__, "tokens": len(Run(half, 2).ask([[5, 6]])[0])}
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
