"""One answer in the making."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from .runner import Prompt
from .sampling import Chosen, Sampler
from .text import TextStream

Finish = Literal["stop", "length", "error"]


@dataclass(frozen=True, slots=True)
class Step:
    """What one token brought: the text that is certain now, and at the end why it ended."""

    index: int
    text: str
    chosen: Chosen | None = None
    finish: Finish | None = None
    error: str | None = None


@dataclass(slots=True, eq=False)
class Sequence:
    """One of a request's answers.

    :param index: its number in the request.
    :param most: tokens it may have.
    :param stops: tokens that end it.
    :param tell: gets every step, in the scheduler's thread.
    """

    index: int
    prompt: Prompt
    sampler: Sampler
    text: TextStream
    most: int
    stops: frozenset[int]
    tell: Callable[[Step], None]
    is_cancelled: bool = False
    tokens: list[int] = field(default_factory=list)

    def take(self, chosen: Chosen) -> bool:
        """A token was chosen; whether the answer ended with it."""
        self.tokens.append(chosen.token)
        self.sampler.take(chosen.token)
        if chosen.token in self.stops:
            self.tell(Step(self.index, self.text.end(), chosen, "stop"))
            return True
        text = self.text.add(chosen.token)
        if self.text.stopped:
            self.tell(Step(self.index, text, chosen, "stop"))
            return True
        if len(self.tokens) >= self.most:
            self.tell(Step(self.index, text + self.text.end(), chosen, "length"))
            return True
        self.tell(Step(self.index, text, chosen))
        return False

    def fail(self, message: str) -> None:
        """End it with an error."""
        self.tell(Step(self.index, "", None, "error", message))
