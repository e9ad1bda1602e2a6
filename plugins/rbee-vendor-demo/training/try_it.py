"""Lets llama.cpp (xllamacpp) answer many prompts, for a person to read: `python try_it.py OUT/stories.gguf`."""

import argparse
import json
from pathlib import Path

import xllamacpp

RAW = [
    "Once upon a time",
    "The",
    "Once upon a time there was a small robot",
    "One day, Mia",
    "The capital of France is",
    "It was a dark night",
]
CHAT = [
    "Tell me a story about a fox",
    "Write something about a girl called Mia and a boat",
    "Once upon a time there was a small robot",
    "Why is the sky blue?",
    "Hello!",
    "Tell me a story about a dragon who is afraid of the dark",
    "Write a short story about a cat, a kite and the beach.",
    "Tell me a story about a bear named Zavoki.",
    "story about friendship",
    "What is the capital of Peru?",
    "What does a cow say?",
    "Explain quantum computing in detail.",
    "Who are you?",
    "What is 2 + 2?",
    "Can you write a story with a toaster and a spaceship?",
    "Once upon a time there was a little owl who could not sleep.",
    "Say hello in one sentence.",
    "Thanks!",
    "Write a haiku about llamas",
    "I am sad.",
]


def serve(model: Path) -> xllamacpp.Server:
    """llama.cpp's own server, inside this process."""
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_ctx = 512
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.warmup = False
    params.use_jinja = True
    params.n_gpu_layers = 0
    return xllamacpp.Server(params)


def raw(server: xllamacpp.Server, prompt: str, **options) -> tuple[str, str, int]:
    """Carry on from a text. Gives the text, why it stopped, and its length in tokens."""
    answer = _json(server.handle_completions({"prompt": prompt, "max_tokens": 400, **options}))
    choice = answer["choices"][0]
    return choice["text"], choice["finish_reason"], answer["usage"]["completion_tokens"]


def chat(server: xllamacpp.Server, messages: list[dict] | str, **options) -> tuple[str, str, int]:
    """Answer a conversation, through the chat template of the GGUF file."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    answer = _json(server.handle_chat_completions({"messages": messages, "max_tokens": 400, **options}))
    choice = answer["choices"][0]
    return choice["message"]["content"], choice["finish_reason"], answer["usage"]["completion_tokens"]


def _json(answer) -> dict:
    answer = json.loads(answer) if isinstance(answer, (str, bytes)) else answer
    if "choices" not in answer:
        raise RuntimeError(answer)
    return answer


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    server = serve(arguments.model)
    for temperature in (0.0, 0.8):
        for ask, prompts in ((raw, RAW), (chat, CHAT)):
            for prompt in prompts:
                text, reason, tokens = ask(server, prompt, temperature=temperature, seed=arguments.seed)
                print(f"[{ask.__name__} T={temperature} {tokens} tokens, {reason}] {prompt} =>\n{text}\n", flush=True)
    multi = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "Hello! Would you like to hear a story?"},
        {"role": "user", "content": "Yes, about a whale called Nora."},
    ]
    print("[several turns]", *chat(server, multi, temperature=0.0))


if __name__ == "__main__":
    main()
