"""Who and what a story is about: draws a hero, a friend, a thing and a place that fit together."""

import random

import words
from grammar import Slots

PRONOUNS = {
    "she": ("she", "her", "her", "herself"),
    "he": ("he", "him", "his", "himself"),
    "it": ("it", "it", "its", "itself"),
}
_ONSETS, _VOWELS = "b d f g h j k l m n p r s t v w z br dr fl gr kl pl st tr".split(), "a e i o u".split()


def invented_name(rng: random.Random) -> str:
    """A name or word that nobody knows ("Zavoki"): what the model is asked about is often new to it."""
    return "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.choice((2, 2, 3)))).capitalize()


def _someone(rng: random.Random, not_kind: str = "", not_name: str = "") -> dict[str, str]:
    """One character: kind, name ("" for none), pronoun, home, favourite food."""
    while True:
        what = rng.random()
        if what < 0.4:
            kind = rng.choice(("girl", "boy"))
            pronoun = "she" if kind == "girl" else "he"
            name = rng.choice(words.GIRLS if kind == "girl" else words.BOYS)
            home, food = rng.choice(words.CHILD_HOMES), rng.choice(words.FOODS)
        elif what < 0.75:
            kind = rng.choice(list(words.ANIMALS))
            home, food = words.ANIMALS[kind]
            pronoun = rng.choice(("he", "she"))
            name = rng.choice(words.NICKNAMES) if rng.random() < 0.6 else ""
        else:
            kind = rng.choice(list(words.FOLK))
            home, food, fitting = words.FOLK[kind]
            pronoun = rng.choice(fitting.split())
            pool = {"she": words.GIRLS, "he": words.BOYS, "it": words.NICKNAMES}[pronoun] + words.NICKNAMES
            name = rng.choice(pool) if rng.random() < 0.5 else ""
        if kind != not_kind and (not name or name != not_name):
            return {"kind": kind, "name": name, "pronoun": pronoun, "home": home, "food": food}


def _slots_of(rng: random.Random, who: dict[str, str], adjective: str, prefix: str) -> dict:
    """The slots of one character; those of the friend carry the prefix `f`."""
    kind, name = who["kind"], who["name"]
    she, her, hers, herself = PRONOUNS[who["pronoun"]]

    def mention(rng: random.Random) -> str:
        return name if name and rng.random() < 0.88 else f"the {kind}"

    plain = f"a {adjective} {kind}"
    link = rng.choice(("called", "called", "named"))
    return {
        prefix + "H": mention,
        prefix + "K": kind,
        prefix + "name": name or f"the {kind}",
        prefix + "aK": plain,
        prefix + "me": name or f"a {kind}",  # as one says it of oneself
        prefix + "dear": name or f"{rng.choice(('my', 'dear'))} {rng.choice((kind, 'friend'))}",  # as one is spoken to
        prefix + "aH": f"{plain} {link} {name}" if name else plain,
        prefix + "adj": adjective,
        prefix + "he": she,
        prefix + "him": her,
        prefix + "his": hers,
        prefix + "himself": herself,
        prefix + "home": who["home"],
        prefix + "food": who["food"],
    }


def draw(rng: random.Random) -> Slots:
    """All the slots for one story."""
    hero = _someone(rng)
    friend = _someone(rng, hero["kind"], hero["name"])
    adjectives = rng.sample(words.SIZES + words.TRAITS, 2)
    if rng.random() < 0.4:
        adjectives[0] = rng.choice(words.SIZES)
    trait = rng.choice([word for word in words.TRAITS if word != adjectives[0]])
    colour, other_colour = rng.sample(words.COLOURS, 2)
    place, other_place = rng.sample(list(words.PLACES), 2)
    parent = rng.choice(("mother", "father", "grandmother", "grandfather", "aunt", "uncle"))
    values = _slots_of(rng, hero, adjectives[0], "") | _slots_of(rng, friend, adjectives[1], "f")
    values |= {
        "T": rng.choice(words.THINGS),
        "T2": rng.choice(words.THINGS),
        "colour": colour,
        "colour2": other_colour,
        "P": f"the {place}",
        "inP": f"{words.PLACES[place]} the {place}",
        "P2": f"the {other_place}",
        "inP2": f"{words.PLACES[other_place]} the {other_place}",
        "hobby": rng.choice(words.HOBBIES),
        "trait": trait,
        "meal": rng.choice(words.FOODS),
        "dream": rng.choice(words.DREAMS),
        "parent": parent,
        "phe": "she" if parent in ("mother", "grandmother", "aunt") else "he",
    }
    return Slots(values)
