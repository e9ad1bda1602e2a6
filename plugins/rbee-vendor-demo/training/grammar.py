"""A tiny template language: `[a|b|c]` picks one, `{slot}` fills in, `{^slot}` fills in with a capital letter."""

import random
import re
from collections.abc import Callable

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\^?)(\w+)\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeio]|un(?!i)|um|ugl)")
_QUOTED_END = re.compile(r'([^".!?]+)([,.?])"')
_ASKS = re.compile(
    r"^ ?(Why|What(?! a\b| you\b)|Who|Whose|How(?! nice\b)|Where|Which|Is|Are|Was|Did|Do you|Does"
    r"|Can|May|Shall|Have (?:you|they)|Will (?:it|you)|Could|Really)\b"
)
_START = re.compile(r"(^|[.!?] )([a-z])")


class Slots(dict):
    """Slot values (text, or a function of the random generator that gives one), and which of them a text has used."""

    def __init__(self, values: dict[str, str | Callable[[random.Random], str]]) -> None:
        super().__init__(values)
        self.used: set[str] = set()


def _punctuate(match: re.Match[str]) -> str:
    """End the last sentence of a piece of speech as it should: templates mix questions and statements in one choice."""
    said, mark = match[1], match[2]
    if _ASKS.match(said):
        return f'{said}?"'
    return match[0] if mark != "?" else f'{said}!"'


def expand(rng: random.Random, template: str, slots: Slots) -> str:
    """One random reading of the template, with the spaces, "a"/"an" and capital letters put right."""
    text = template
    while "[" in text:  # innermost brackets first, so that choices can be nested
        text = _CHOICE.sub(lambda m: rng.choice(m[1].split("|")), text)

    def fill(match: re.Match[str]) -> str:
        slots.used.add(match[2])
        value = slots[match[2]]
        value = value(rng) if callable(value) else value
        return value[:1].upper() + value[1:] if match[1] else value

    text = re.sub(r"\s+", " ", _SLOT.sub(fill, text)).strip()
    text = re.sub(r" ([,.!?])", r"\1", text)
    text = _QUOTED_END.sub(_punctuate, text)
    text = _ARTICLE.sub(r"\1n ", text)
    return _START.sub(lambda m: m[1] + m[2].upper(), text)
