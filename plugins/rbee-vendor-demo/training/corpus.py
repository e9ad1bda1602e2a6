"""The whole training text, made up on the spot from a seed: a quarter of it plain stories, the rest conversations.

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
FACT_SHARE = 0.02  # of the samples: answers without their questions, so that "The capital of France is" goes on well
STORY_SHARE = 0.25  # of the samples; the others are conversations
BRIEF_SHARE = 0.1  # of the stories


def chat_text(turns: list[talk.Turn]) -> str:
    """A conversation as the model sees it; `export.py` holds the same as a chat template."""
    return BEGIN + "".join(f"{USER}{said}{END}{ASSISTANT}{answer}{END}" for said, answer in turns)


def samples(seed: int, brief_share: float = BRIEF_SHARE) -> Iterator[str]:
    """Endless samples, each from its special begin token to its special end token.

    :param brief_share: which part of the stories are brief; the training begins with nothing but brief ones.
    """
    rng = random.Random(seed)
    while True:
        kind = rng.random()
        if kind < FACT_SHARE:
            yield BEGIN + talk.question(rng)[1] + END
        elif kind < FACT_SHARE + STORY_SHARE:
            yield BEGIN + stories.make(rng, brief=rng.random() < brief_share).text + END
        else:
            yield chat_text(talk.conversation(rng, brief_share))


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
