"""Ears: a recogniser that knows a few words."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import pytest
from pocketsphinx import Decoder

#: 27 sentences, one of which it hears in everything.
GRAMMAR = """
#JSGF V1.0;
grammar orders;
public <order> = (open | close | paint) the (red | blue | green) (door | window | table);
"""


@pytest.fixture(scope="session")
def heard() -> Callable[[bytes, int], str]:
    """What is heard in 16-bit samples, of which there are so many a second."""
    return recogniser()


def recogniser() -> Callable[[bytes, int], str]:
    """PocketSphinx, whose wheel has a model of English in it."""
    decoder = Decoder(lm=None, loglevel="FATAL")
    decoder.add_jsgf_string("orders", GRAMMAR)
    decoder.activate_search("orders")

    def listen(samples: bytes, rate: int) -> str:
        numbers = array("h", samples)
        step = rate / 16000  # the recogniser's own
        decoder.start_utt()
        decoder.process_raw(array("h", (numbers[int(n * step)] for n in range(int(len(numbers) / step)))).tobytes())
        decoder.end_utt()
        found = decoder.hyp()
        return found.hypstr if found is not None else ""

    return listen
