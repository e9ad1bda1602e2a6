"""The generator of the training text: the same everywhere, and plain English sentences throughout."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[1] / "training" / "corpus.py"
SAMPLES = 2_000
#: Changes whenever the corpus does; then the model has to be trained again, and its card brought up to date.
DIGEST = "80e1ba8fb2f5bf6dcf78f736b2bfa9009c4650d8436a5043badbc98a0566c7de"


def generate(hash_seed: int) -> str:
    """The first samples, from a process of its own whose sets are shuffled by `hash_seed`."""
    command = [sys.executable, str(CORPUS), str(SAMPLES)]
    environment = os.environ | {"PYTHONHASHSEED": str(hash_seed), "PYTHONUTF8": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


@pytest.fixture(scope="module")
def text() -> str:
    return generate(1)


@pytest.fixture(scope="module")
def answers(text: str) -> list[str]:
    """What the model is to write: whole stories, and the assistant's side of the conversations."""
    return re.findall(r"<\|(?:begin|assistant)\|>([^<]+)<\|end\|>", text)


def test_it_is_the_corpus_that_the_model_was_trained_on(text: str) -> None:
    assert hashlib.sha256(text.encode()).hexdigest() == DIGEST


def test_it_does_not_depend_on_how_python_shuffles(text: str) -> None:
    assert generate(2) == text


def test_every_sample_is_one_line_of_plain_ascii(text: str) -> None:
    lines = text.splitlines()
    assert len(lines) == SAMPLES
    assert text.isascii()
    assert all(line.startswith("<|begin|>") and line.endswith("<|end|>") for line in lines)


def test_every_sentence_has_a_capital_and_a_full_stop(answers: list[str]) -> None:
    assert len(answers) > SAMPLES
    for answer in answers:
        assert re.search(r'[.!?]"?$', answer), answer
        # A sentence begins at the start, and after each mark; after speech it may go on with a small letter ("…" said).
        for sentence in re.split(r"(?<=[.!?])\s+", answer):
            assert re.match(r'"?[A-Z0-9]', sentence), (sentence, answer)
        assert answer.count('"') % 2 == 0, answer


def test_no_trace_of_the_template_language_is_left(answers: list[str]) -> None:
    for sign in ("{", "}", "[", "]", "|", "  ", " ,", " .", "..", ",,", ".,", "?.", "!."):
        assert not [answer for answer in answers if sign in answer], sign


def test_articles_fit(answers: list[str]) -> None:
    for answer in answers:
        assert not re.search(r"\b[Aa] [aeio]", answer), answer
        assert not re.search(r"\b[Aa]n (?!hour)[^aeiouAEIOU]", answer), answer


def test_stories_differ(answers: list[str]) -> None:
    stories = [answer for answer in answers if len(answer) > 300]
    assert len(set(stories)) == len(stories)
    assert len({answer.split(".")[0] for answer in stories}) > 0.7 * len(stories)
