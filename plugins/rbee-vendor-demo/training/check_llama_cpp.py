"""Proves that llama.cpp sees what was trained: `python check_llama_cpp.py FOLDER` (with the exported files).

1. llama.cpp splits texts into the same tokens as `tokenizer.json` does.
2. With the weights of `model.safetensors`, the PyTorch network and llama.cpp continue texts with the same words.
"""

import argparse
import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

import corpus
import try_it
from model import Config, Llama

TEXTS = [
    "Once upon a time, there was a small robot called Bip.",
    '"What is wrong?" asked the fox. "I have lost my kite," said Mia.',
    "it's we're I'll you've he'd I'm can't WON'T",
    "  two  spaces,\ttabs\nand\n\n new lines \n ",
    "Numbers: 1 23 456 7890 3.14 1,000 2+2=4",
    "Umlaute äöüß, accents éèñ, 中文字符, кириллица, עברית, emoji 🐝🚀, e\u0301",
    "x = {'a': [1, 2]}; print(f\"{x!r}\")  # code_with_underscores",
    "",
    " ",
    "Zavoki's toaster---spaceship...!?",
]


def check_tokens(server, tokenizer: Tokenizer) -> None:
    """Compare on hand-made texts and on a hundred samples of the corpus."""
    stream = corpus.samples(seed=99)
    texts = TEXTS + [next(stream).replace("<|", "< |") for _ in range(100)]
    for text in texts:
        theirs = tokenize(server, text)
        ours = tokenizer.encode(text).ids
        assert theirs == ours, (text, theirs, ours)
    print(f"tokens agree on {len(texts)} texts")


def tokenize(server, text: str) -> list[int]:
    """llama.cpp's tokens for a text, begin token included."""
    connection = http.client.HTTPConnection(urlsplit(server.listening_address).netloc, timeout=60)
    body = json.dumps({"content": text, "add_special": True})
    connection.request("POST", "/tokenize", body, {"Content-Type": "application/json"})
    return json.load(connection.getresponse())["tokens"]


def check_words(server, folder: Path, tokenizer: Tokenizer) -> None:
    """Compare greedy continuations of 40 tokens; Q8_0 rounding may part them late, so most of it must agree."""
    network = Llama(Config())
    network.load_state_dict({name: value.float() for name, value in load_file(folder / "model.safetensors").items()})
    agreed = total = 0
    for prompt in ("Once upon a time", "One day, Mia", "There was a small robot", "The fox was very sad because"):
        theirs = tokenizer.encode(
            try_it.raw(server, prompt, temperature=0.0, max_tokens=40)[0], add_special_tokens=False
        ).ids
        tokens = tokenizer.encode(prompt).ids
        start = len(tokens)
        with torch.no_grad():
            for _ in range(40):
                tokens.append(int(network(torch.tensor([tokens]))[0, -1].argmax()))
        ours = tokens[start:]
        same = next(
            (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs))
        )
        print(f"{prompt!r}: {same} of {len(theirs)} tokens the same")
        agreed, total = agreed + same, total + len(theirs)
    assert agreed > 0.5 * total, (agreed, total)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    server = try_it.serve(folder / "stories.gguf")
    check_tokens(server, tokenizer)
    check_words(server, folder, tokenizer)


if __name__ == "__main__":
    main()
