"""Request bodies: the fields of OpenAI's API that the engine honours, checked here so that a mistake is named.

Fields that are not listed are passed on to the engine as they are, which may know more (``top_k``, ``min_p``,
``grammar``).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Stop = str | Annotated[list[str], Field(max_length=16)]


class StreamOptions(BaseModel):
    """``include_usage``: one more event before the end, with the token counts."""

    model_config = ConfigDict(extra="allow")

    include_usage: bool = False


class Asked(BaseModel):
    """What all requests to the model share."""

    model_config = ConfigDict(extra="allow")

    model: str | None = Field(default=None, description="the id of the loaded model, or left out")


class Generation(Asked):
    """What both kinds of completion share."""

    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    seed: int | None = None
    stop: Stop | None = None
    n: int | None = Field(default=None, ge=1, le=16)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)


class CompletionRequest(Generation):
    """``POST /v1/completions``."""

    prompt: str | list[str] | list[int] | list[list[int]]
    logprobs: int | bool | None = None


class Message(BaseModel):
    """One message of a chat."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None


class ChatCompletionRequest(Generation):
    """``POST /v1/chat/completions``."""

    messages: list[Message] = Field(min_length=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=20)


class EmbeddingRequest(Asked):
    """``POST /v1/embeddings``."""

    input: str | list[str] | list[int] | list[list[int]] = Field(min_length=1)
    encoding_format: Literal["float", "base64"] | None = None


#: All bodies there are.
BODIES: tuple[type[Asked], ...] = (CompletionRequest, ChatCompletionRequest, EmbeddingRequest)
