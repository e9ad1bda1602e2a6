"""What an engine can be asked: the paths that the front checks and passes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .requests import Asked, ChatCompletionRequest, CompletionRequest, EmbeddingRequest


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path, which takes a POST.

    :param shape: the body's fields; one that does not fit is a 400 that names the field. The others are passed on.
    :param task: what the engine has to be able to do (`child.Serving.tasks`).
    :param summary: one sentence, for the API's document.
    :param answers: the 200 in that document, as an OpenAPI response.
    :param probe: a body that is asked once before the worker counts as ready, or ``None``.
    """

    path: str
    shape: type[Asked]
    task: str
    summary: str
    answers: dict[str, Any]
    probe: bytes | None = None


_COMPLETION = {
    "description": "The completion, or with `stream` its events, the last of them `[DONE]`",
    "content": {
        "application/json": {"schema": {"type": "object"}},
        "text/event-stream": {"schema": {"type": "string"}},
    },
}
_STREAMS = "Streams server-sent events if asked to."

#: OpenAI's API for language models.
LANGUAGE = (
    Endpoint(
        "/v1/completions",
        CompletionRequest,
        "completion",
        f"Continue a text. {_STREAMS}",
        _COMPLETION,
        b'{"prompt":"a","max_tokens":1,"cache_prompt":false}',
    ),
    Endpoint("/v1/chat/completions", ChatCompletionRequest, "completion", f"Answer a chat. {_STREAMS}", _COMPLETION),
    Endpoint(
        "/v1/embeddings",
        EmbeddingRequest,
        "embedding",
        "A vector for each text, if the model makes them.",
        _COMPLETION,
        b'{"input":"a"}',
    ),
)
