"""The whole training text, made up on the spot from a seed: half of it plain stories, half of it conversations.

`python corpus.py 5` prints five samples.
"""

import argparse
import itertools
import random
from collections.abc import Iterator

import stories
import talk

BEGIN, END, USER, ASSISTANT = "<|begin|>", "<|end|>", "<|user|>", "<|assistant|>"
SPECIAL_TOKENS = [BEGIN, END, USER, ASSISTANT]
STORY_SHARE = 0.42  # of the samples; the others are conversations


def chat_text(turns: list[talk.Turn]) -> str:
    """A conversation as the model sees it; `export.py` holds the same as a chat template."""
    return BEGIN + "".join(f"{USER}{said}{END}{ASSISTANT}{answer}{END}" for said, answer in turns)


def samples(seed: int) -> Iterator[str]:
    """Endless samples, each from its special begin token to its special end token."""
    rng = random.Random(seed)
    while True:
        if rng.random() < STORY_SHARE:
            yield BEGIN + stories.make(rng).text + END
        else:
            yield chat_text(talk.conversation(rng))


def main() -> None:
    """Command line: print the first samples, one to a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for sample in itertools.islice(samples(arguments.seed), arguments.count):
        print(sample)


if __name__ == "__main__":
    main()
