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


def make(rng: random.Random) -> Story:
    """One random story of about 90 to 200 words."""
    slots = cast.draw(rng)
    theme, body = rng.choice(plots.PLOTS)
    soft = rng.choice(("scarf", "blanket", "pillow", "coat"))
    # Names that stand for longer phrases; the friend is introduced ("a small owl called Moss") on first sight.
    slots.update(
        parent_s=f"{slots['parent']}'s",
        H_s=f"{slots['name']}'s",
        F_es=f"{slots['fname']}'s",
        him_home="it home",
        meal_hot=rng.choice(("soup", "tea", "chocolate", "milk")),
        T_box=rng.choice(("box", "basket", "hat")),
        T_soft=soft,
    )
    beats = []
    for line in body.strip().split("\n"):
        if line.startswith("?"):
            if rng.random() < 0.5:
                continue
            line = line[1:]
        for name, entrance in plots.ENTRANCES.items():
            line = line.replace("{" + name + "}", entrance)
        line = line.replace("{aF}", "{faH}").replace("{^aF}", "{^faH}").replace("{F0}", "{faH}").replace("{^F0}", "{^faH}")
        beats.append(line.replace("{F}", "{fH}").replace("{^F}", "{^fH}"))
    endings = rng.sample(plots.ENDINGS, rng.choice((0, 1, 1, 2)))
    met = "{f" in body
    endings = [e for e in endings if met or ("{F}" not in e and "they" not in e.lower())]
    endings = [e.replace("{F}", "{fH}") for e in endings]
    opening, more = _first_sentence(expand(rng, rng.choice(plots.OPENINGS), slots))
    said = slots.used & {"hobby", "trait", "dream", "food"}  # nothing is told twice
    details = [d for d in plots.DETAILS if not any("{" + slot + "}" in d for slot in said)]
    details = rng.sample(details, rng.choice((0, 1, 1, 2)))
    parts = [more] if more else []
    parts += [expand(rng, part, slots) for part in [*details, *beats, *endings]]
    return Story(opening, " ".join(parts), theme, slots)
