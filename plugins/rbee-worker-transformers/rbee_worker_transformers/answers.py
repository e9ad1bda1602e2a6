"""Answers in OpenAI's shape: whole, or as the events of a stream."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from .sampling import Chosen
from .sequence import Step


@dataclass(slots=True)
class Choice:
    """What has come of one answer."""

    parts: list[str] = field(default_factory=list)
    tokens: int = 0
    finish: str | None = None
    logprobs: list[dict[str, Any]] = field(default_factory=list)


class Answer:
    """All answers to one request.

    :param prompt_tokens: of all its prompts.
    :param count: how many answers there are.
    :param tokenizer: for the text of single tokens, where log probabilities were asked for.
    """

    def __init__(self, model: str, *, chat: bool, count: int, prompt_tokens: int, tokenizer: Any) -> None:
        self._chat = chat
        self._model = model
        self._prompt_tokens = prompt_tokens
        self._tokenizer = tokenizer
        self._id = ("chatcmpl-" if chat else "cmpl-") + secrets.token_urlsafe(18)
        self._created = int(time.time())
        self._choices = [Choice() for _ in range(count)]

    @property
    def is_complete(self) -> bool:
        """Whether every answer has ended."""
        return all(choice.finish for choice in self._choices)

    def take(self, step: Step) -> None:
        """Note one step."""
        choice = self._choices[step.index]
        choice.parts.append(step.text)
        choice.finish = step.finish
        if step.chosen is not None:
            choice.tokens += 1
            if step.chosen.logprob is not None:
                choice.logprobs.append(self._logprob(step.chosen))

    def whole(self) -> dict[str, Any]:
        """The answer, once it is complete."""
        choices = [self._whole(index, choice) for index, choice in enumerate(self._choices)]
        kind = "chat.completion" if self._chat else "text_completion"
        return {**self._head(kind), "choices": choices, "usage": self.usage()}

    def usage(self) -> dict[str, int]:
        """The tokens used."""
        completion = sum(choice.tokens for choice in self._choices)
        return {
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self._prompt_tokens + completion,
        }

    def first_events(self) -> list[bytes]:
        """What a stream begins with: in a chat, who speaks."""
        if not self._chat:
            return []
        return [self._event(i, {"role": "assistant", "content": ""}, None) for i in range(len(self._choices))]

    def events(self, step: Step) -> list[bytes]:
        """What one step adds to a stream."""
        told = self._logprob(step.chosen) if step.chosen is not None and step.chosen.logprob is not None else None
        events = []
        if step.text or told:
            events.append(self._event(step.index, {"content": step.text}, None, told))
        if step.finish:
            events.append(self._event(step.index, {}, step.finish))
        return events

    def usage_event(self) -> bytes:
        """The event that ``stream_options.include_usage`` asks for."""
        kind = "chat.completion.chunk" if self._chat else "text_completion"
        return _sse({**self._head(kind), "choices": [], "usage": self.usage()})

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._model}

    def _whole(self, index: int, choice: Choice) -> dict[str, Any]:
        text = "".join(choice.parts)
        said: dict[str, Any] = {"message": {"role": "assistant", "content": text}} if self._chat else {"text": text}
        return {"index": index, **said, "logprobs": self._shaped(choice.logprobs), "finish_reason": choice.finish}

    def _event(self, index: int, delta: dict[str, Any], finish: str | None, told: Any = None) -> bytes:
        said: dict[str, Any] = {"delta": delta} if self._chat else {"text": delta.get("content", "")}
        choice = {"index": index, **said, "logprobs": self._shaped([told] if told else []), "finish_reason": finish}
        kind = "chat.completion.chunk" if self._chat else "text_completion"
        return _sse({**self._head(kind), "choices": [choice]})

    def _logprob(self, chosen: Chosen) -> dict[str, Any]:
        told = self._token(chosen.token, chosen.logprob or 0.0)
        return {**told, "top_logprobs": [self._token(token, logprob) for token, logprob in chosen.top]}

    def _token(self, token: int, logprob: float) -> dict[str, Any]:
        text = self._tokenizer.decode([token])
        return {"token": text, "logprob": logprob, "bytes": list(text.encode())}

    def _shaped(self, told: list[dict[str, Any]]) -> dict[str, Any] | None:
        """Log probabilities, which chats and texts shape differently."""
        if not told:
            return None
        if self._chat:
            return {"content": told}
        return {
            "tokens": [one["token"] for one in told],
            "token_logprobs": [one["logprob"] for one in told],
            "top_logprobs": [{top["token"]: top["logprob"] for top in one["top_logprobs"]} for one in told],
        }


def error_event(message: str) -> bytes:
    """The event that ends a stream which cannot go on."""
    error = {"message": message, "type": "server_error", "param": None, "code": "engine_error"}
    return _sse({"error": error})


DONE = b"data: [DONE]\n\n"


def _sse(table: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(table, separators=(",", ":")).encode() + b"\n\n"
