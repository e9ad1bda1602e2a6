"""A small client of a worker's OpenAI-compatible API, on the standard library: ask, and have the answer as it comes."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..errors import ErrorCode, RbeeError

#: Seconds without a byte before a worker is given up: a long prompt on a slow processor takes minutes.
_TIMEOUT = 3600.0


@dataclass(slots=True)
class Question:
    """What is asked: a chat's messages, or a bare prompt for models that were not trained to chat."""

    messages: list[dict[str, str]] = field(default_factory=list)
    prompt: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def request(self) -> tuple[str, dict[str, Any]]:
        """The path and the body."""
        body = {**self.options, "stream": True, "stream_options": {"include_usage": True}}
        if self.prompt is not None:
            return "/v1/completions", {"prompt": self.prompt, **body}
        return "/v1/chat/completions", {"messages": self.messages, **body}


@dataclass(slots=True)
class Answer:
    """An answer that is arriving: iterate over its pieces of text; afterwards ``usage`` says what it took."""

    url: str
    question: Question
    usage: dict[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[str]:
        """The text, piece by piece.

        :raises RbeeError: ``WORKER_START_FAILED``: the worker refused, or broke off.
        """
        path, body = self.question.request()
        with _asking(self.url, path, body) as response:
            yield from self._pieces(response)

    def _pieces(self, response: http.client.HTTPResponse) -> Iterator[str]:
        done = False
        while line := response.readline():
            if not line.startswith(b"data: "):
                continue
            data = line[6:].strip()
            if data == b"[DONE]":
                done = True
                continue
            event = _parse(data)
            if "error" in event:
                raise _broke_off(str(event["error"].get("message", event["error"])))
            self.usage |= event.get("usage") or {}
            for choice in event.get("choices", []):
                text = choice["delta"].get("content") if "delta" in choice else choice.get("text")
                if text:
                    yield text
        if not done:
            raise _broke_off("the answer was cut off")


@dataclass(slots=True)
class Spoken:
    """A text that is being spoken: iterate over the pieces of a WAV file.

    :param url: of a worker of the kind ``speech``, which has OpenAI's ``/v1/audio/speech``.
    """

    url: str
    text: str
    model: str

    def __iter__(self) -> Iterator[bytes]:
        """The file, piece by piece.

        :raises RbeeError: ``WORKER_START_FAILED``: the worker refused, or broke off.
        """
        body = {"model": self.model, "input": self.text, "voice": "default", "response_format": "wav"}
        with _asking(self.url, "/v1/audio/speech", body) as response:
            while piece := response.read1(1 << 16):
                yield piece


@contextmanager
def _asking(url: str, path: str, body: dict[str, Any]) -> Iterator[http.client.HTTPResponse]:
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.hostname or "127.0.0.1", target.port, timeout=_TIMEOUT)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status != 200:
            raise _refused(response.status, response.read(1 << 16))
        yield response
    except (OSError, http.client.HTTPException) as error:
        raise _broke_off(str(error) or type(error).__name__) from error
    finally:
        connection.close()


def _parse(data: bytes) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except ValueError:
        raise _broke_off(f"it sent {data[:80]!r}") from None
    return event if isinstance(event, dict) else {}


def _refused(status: int, body: bytes) -> RbeeError:
    try:
        message = str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = body[:200].decode("utf-8", "replace")
    return RbeeError(ErrorCode.WORKER_START_FAILED, f"The worker refused the request ({status}): {message}")


def _broke_off(reason: str) -> RbeeError:
    return RbeeError(ErrorCode.WORKER_START_FAILED, f"The worker broke off: {reason}.", "See its log: rbee logs ID")
