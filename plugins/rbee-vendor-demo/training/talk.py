"""Conversations: what people say to the model, and what it answers.

Three kinds: a wish for a story (answered with a story about what was named), a simple question (one or two sentences),
and anything beyond a model of this size (an honest "I do not know", with the offer of a story).
"""

import random

import cast
import facts
import stories
import words
from grammar import Slots, expand

Turn = tuple[str, str]  # what the user says, what the assistant answers

_WISH = [
    "Tell me a story about {what}.",
    "Tell me a story about {what}",
    "Write a story about {what}.",
    "Write something about {what}.",
    "Write a short story about {what}.",
    "Can you tell me a story about {what}?",
    "Could you write a [short |little |]story about {what}?",
    "[Please t|T]ell me [something|a tale|a short story|a bedtime story|a little story] about {what}.",
    "I want [a story|to hear a story|to read something] about {what}.",
    "I would like a story about {what}, please.",
    "[Do you know|Have you got] a story about {what}?",
    "[A s|S]tory about {what}[, please|]",
    "Make up a story [with|about] {what}.",
    "Give me a story with {what}.",
    "Tell me about {what}.",
    "Please tell a story in which there is {what}.",
    "What can you tell me about {what}?",
    "Hi! [Please w|W]rite a story about {what}.",
    "[My child|My son|My daughter] [loves|likes] {kinds}. Tell [us|me] a story about {what}.",
    "tell me a story about {what}",
    "write a story about {what}",
    "{what}",
]
_BRIEF_WISH = [
    "Tell me a [very short|tiny|quick] story about {what}[.||, please.]",
    "[Write|Make up] a [very short|tiny|quick] story [about|with] {what}[.|]",
    "In [a few|three|four] sentences, tell me about {what}.",
    "A [very short|tiny] story about {what}[.|, please.|]",
]
_ANY_WISH = [
    "Tell me a story[.||, please.]",
    "[Please t|T]ell me [another|a new|a short|a nice|a funny|a sad|a happy|a long] story.",
    "Can you tell me a story?",
    "[Write|Make up] a [short |]story[.|].",
    "I want to hear a story.",
    "Story, please!",
    "I cannot sleep. [Tell me a bedtime story.|Can you help me?]",
    "Do you know a [good|nice] story?",
    "Write [something|a paragraph|a few sentences|a tale].",
    "tell me a story",
    "write a story",
    "I am bored.",
    "Surprise me[!|.]",
    "Another one[!|.|, please.]",
    "[Continue|Go on|Begin|Start][.|, please.|!]",
]
_LEAD = [
    "",
    "",
    "",
    "",
    "",
    "",
    "Here is a story. ",
    "Of course! ",
    "With pleasure. ",
    "Here is one. ",
    "I like that idea. ",
]


def _plural(noun: str) -> str:
    """More than one of a noun; good enough for the words of this world."""
    special = {"mouse": "mice", "sheep": "sheep", "wolf": "wolves", "deer": "deer"}
    if noun in special:
        return special[noun]
    if noun.endswith("man"):
        return noun[:-3] + "men"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def _what(rng: random.Random, story: stories.Story) -> str:
    """Names some of what the story really holds: hero, name, friend, thing, place, or its theme."""
    slots, used = story.slots, story.slots.used
    if rng.random() < 0.12:
        return expand(rng, story.theme, slots).lower()
    adjective = rng.choice(("", "", slots["adj"] + " "))
    hero = f"a {adjective}{slots['K']}"
    if slots["name"] and not slots["name"].startswith("the "):
        hero = rng.choice((hero, f"{hero} called {slots['name']}", f"{hero} named {slots['name']}", slots["name"]))
    extras = []
    if "T" in used:
        colour = f"{slots['colour']} " if "colour" in used and rng.random() < 0.5 else ""
        extras += [f"a {colour}{slots['T']}"]
    if used & {"faH", "fH"}:
        extras += [f"a {slots['fK']}"]
    if used & {"inP", "P"}:
        extras += [slots["P"]]
    rng.shuffle(extras)
    count = min(len(extras), rng.choice((0, 0, 1, 1, 1, 2)))
    parts = [hero, *extras[:count]]
    if len(parts) == 2 and parts[1].startswith("the ") and rng.random() < 0.6:
        return f"{hero} {slots['inP']}"
    if len(parts) == 2 and rng.random() < 0.15:
        parts.reverse()
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def story_wish(rng: random.Random, brief_share: float) -> Turn:
    """A wish for a story, and the story."""
    brief = rng.random() < brief_share
    story = stories.make(rng, brief)
    if brief:
        wish = expand(rng, rng.choice(_BRIEF_WISH), Slots({"what": _what(rng, story)}))
    elif rng.random() < 0.12:
        wish = expand(rng, rng.choice(_ANY_WISH), Slots({}))
    else:
        slots = Slots({"what": _what(rng, story), "kinds": _plural(story.slots["K"])})
        wish = expand(rng, rng.choice(_WISH), slots)
    if rng.random() < 0.15:  # people do not always care about capitals
        wish = wish.lower()
    return wish, rng.choice(_LEAD) + story.text


def story_opening(rng: random.Random) -> Turn:
    """The beginning of a story. A full sentence is carried on from; a fragment is taken up and finished."""
    story = stories.make(rng)
    ask = rng.choice(("", "", "", "", "Continue: ", "Continue this story: ", "Go on: ", "Finish this story: "))
    if rng.random() < 0.5:
        return ask + story.opening, story.rest
    pieces = story.opening.rstrip(".").split()
    first = " ".join(pieces[: rng.randint(min(3, len(pieces)), len(pieces))])
    return ask + first + rng.choice(("", "", "...", " ...")), story.text


def question(rng: random.Random) -> Turn:
    """A simple question from the list or made from the words of the world, and its answer."""
    if rng.random() < 0.3:
        return facts.made_question(rng)
    asks, answers = rng.choice(facts.SMALL_TALK if rng.random() < 0.4 else facts.QUESTIONS)
    ask = expand(rng, rng.choice(asks.split("\n")), Slots({}))
    if rng.random() < 0.2:
        ask = ask.lower()
    if rng.random() < 0.15:
        ask = ask.rstrip("?.!")
    return ask, expand(rng, rng.choice(answers.split("\n")), Slots({}))


def beyond(rng: random.Random) -> Turn:
    """A question or a task that this model cannot do, and an honest answer."""
    topic = rng.choice(facts.TOPICS) if rng.random() < 0.75 else cast.invented_name(rng).lower()
    slots = Slots(
        {
            "topic": topic,
            "name": cast.invented_name(rng),
            "country": rng.choice(facts.COUNTRIES),
            "n": str(rng.randint(11, 999)),
            "m": str(rng.randint(11, 999)),
        }
    )
    ask = expand(rng, rng.choice(facts.BEYOND_ASKS), slots)
    if rng.random() < 0.2:
        ask = ask.lower()
    return ask, expand(rng, rng.choice(facts.BEYOND_ANSWERS), slots)


def introduction(rng: random.Random) -> Turn:
    """The user says a name, and the assistant greets by it."""
    name = rng.choice(words.GIRLS + words.BOYS)
    slots = Slots({"name": name})
    ask = expand(rng, "[Hi|Hello|Hey][,|!] [my name is|I am|I'm|this is] {name}[.|!]", slots)
    answer = "[Hello|Hi], {name}! [It is nice to meet you.|I am glad that you are here.] {offer}"
    slots["offer"] = rng.choice(("Would you like a story?", "What shall I tell you?", ""))
    return ask, expand(rng, answer, slots)


def conversation(rng: random.Random, brief_share: float) -> list[Turn]:
    """One to three turns; `brief_share` is the part of the wished stories that are brief."""
    kinds = rng.choices(
        (story_wish, story_opening, question, beyond, introduction),
        weights=(44, 12 * (1 - brief_share), 30, 11, 3 + 7 * brief_share),
        k=rng.choice((1, 1, 1, 1, 1, 1, 1, 1, 2, 3)),
    )
    return [kind(rng, brief_share) if kind is story_wish else kind(rng) for kind in kinds]
