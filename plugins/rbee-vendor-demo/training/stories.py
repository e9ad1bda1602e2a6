"""Puts one story together: cast, opening, a detail or two, the plot's beats and an ending."""

import random
from dataclasses import dataclass

import cast
import plots
from grammar import Slots, expand


@dataclass
class Story:
    """One finished story, with what a person could have asked for to get it."""

    opening: str  # its first sentence
    rest: str
    theme: str
    slots: Slots

    @property
    def text(self) -> str:
        return f"{self.opening} {self.rest}"


def _first_sentence(text: str) -> tuple[str, str]:
    """The first sentence and what follows it (openings hold no dialogue, so a full stop ends a sentence)."""
    first, _, rest = text.partition(". ")
    return (first + ".", rest) if rest else (text, "")


def _prepare(beat: str) -> str:
    """Write out a beat's shorthand for the friend: how they come in, `{aF}` and `{F0}` at first sight, `{F}` later."""
    for name, entrance in plots.ENTRANCES.items():
        beat = beat.replace("{" + name + "}", entrance)
    for short, slot in (("aF}", "faH}"), ("F0}", "faH}"), ("F}", "fH}")):
        beat = beat.replace("{" + short, "{" + slot).replace("{^" + short, "{^" + slot)
    return beat.removeprefix("?")


def make(rng: random.Random, brief: bool = False) -> Story:
    """One random story of about 90 to 200 words, or a brief one of about 40."""
    slots = cast.draw(rng)
    theme, body = ("a friend", rng.choice(plots.BRIEF)) if brief else rng.choice(plots.PLOTS)
    # Names that stand for longer phrases; the friend is introduced ("a small owl called Moss") on first sight.
    slots.update(
        parent_s=f"{slots['parent']}'s",
        H_s=f"{slots['name']}'s",
        F_es=f"{slots['fname']}'s",
        him_home="it home",
        meal_hot=rng.choice(("soup", "tea", "chocolate", "milk")),
        T_box=rng.choice(("box", "basket", "hat")),
        T_soft=rng.choice(("scarf", "blanket", "pillow", "coat")),
    )
    lines = body.strip().split("\n")
    beats = [_prepare(line) for line in lines if not line.startswith("?") or rng.random() < 0.5]
    endings = rng.sample(plots.ENDINGS, rng.choice((0, 1)))
    met = "{f" in body
    endings = [e for e in endings if met or ("{F}" not in e and "they" not in e.lower())]
    endings = [_prepare(ending) for ending in endings]
    named = not slots["name"].startswith("the ")
    openings = plots.NAMED_OPENINGS if named and rng.random() < 0.15 else plots.OPENINGS
    opening, more = _first_sentence(expand(rng, rng.choice(openings), slots))
    said = slots.used & {"hobby", "trait", "dream", "food"}  # nothing is told twice
    details = [d for d in plots.DETAILS if not any("{" + slot + "}" in d for slot in said)]
    details = rng.sample(details, rng.choice((0, 1)))  # never more: a small model loops where things can pile up
    parts = [more] if more else []
    parts += [expand(rng, part, slots) for part in [*details, *beats, *endings]]
    return Story(opening, " ".join(parts), theme, slots)
