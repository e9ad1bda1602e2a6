"""From tokens to text, as they come: whole characters only, and nothing of a stop string."""

from __future__ import annotations

from typing import Any

from tokenizers.decoders import DecodeStream


class TextStream:
    """The text of one answer.

    :param before: tokens before the answer, in whose context its first ones are read (a leading space, for example).
    :param stops: strings that end the answer, and are not part of it.
    """

    def __init__(self, tokenizer: Any, before: list[int], stops: list[str]) -> None:
        self._tokenizer = tokenizer.backend_tokenizer
        self._stream = DecodeStream(ids=before, skip_special_tokens=True)
        self._stops = stops
        self._held = ""
        self.stopped = False

    def add(self, token: int) -> str:
        """One more token; the text that is certain now. Sets ``stopped`` at a stop string."""
        self._held += self._stream.step(self._tokenizer, token) or ""
        found = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            text, self._held = self._held[: min(found)], ""
            return text
        keep = max((_overlap(self._held, stop) for stop in self._stops), default=0)
        text, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return text

    def end(self) -> str:
        """What was held back, as it turned out to be no stop string."""
        text, self._held = self._held, ""
        return text


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of ``text`` are the beginning of ``stop``."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
