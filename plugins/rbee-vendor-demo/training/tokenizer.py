"""The tokenizer: byte-level BPE, split as GPT-2 does it, because llama.cpp knows that way of splitting by name."""

import re
from collections.abc import Iterator
from itertools import islice

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import corpus

SAMPLES = 8_000  # more text would hardly change the merges


def train(seed: int, vocab_size: int, count: int = SAMPLES) -> Tokenizer:
    """Learn `vocab_size` tokens from the first `count` samples of the corpus."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in corpus.SPECIAL_TOKENS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),  # any text at all can be written
        show_progress=False,
    )
    tokenizer.train_from_iterator(_without_special(seed, count), trainer)
    begin = corpus.BEGIN
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A", pair=f"{begin} $A $B", special_tokens=[(begin, tokenizer.token_to_id(begin))]
    )
    return tokenizer


def _without_special(seed: int, count: int) -> Iterator[str]:
    """The samples' plain text: the special tokens must not be learned as letters."""
    special = re.compile("|".join(map(re.escape, corpus.SPECIAL_TOKENS)))
    for sample in islice(corpus.samples(seed), count):
        yield from special.split(sample)
