"""Request bodies: the fields of OpenAI's API that the engine honours, checked here so that a mistake is named.

Fields that are not listed are passed on to the engine as they are, which may know more (``top_k``, ``min_p``,
``grammar``).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Stop = str | Annotated[list[str], Field(max_length=16)]


class StreamOptions(BaseModel):
    """``include_usage``: one more event before the end, with the token counts."""

    model_config = ConfigDict(extra="allow")

    include_usage: bool = False


class JsonSchema(BaseModel):
    """A JSON schema with a name, as OpenAI wraps it."""

    model_config = ConfigDict(extra="allow")

    definition: dict[str, Any] = Field(alias="schema")


class ResponseFormat(BaseModel):
    """What an answer has to look like: ``json_schema`` needs one, ``json_object`` may have a ``schema`` beside it."""

    model_config = ConfigDict(extra="allow")

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None
    definition: dict[str, Any] | None = Field(default=None, alias="schema")

    @model_validator(mode="after")
    def _has_a_schema(self) -> ResponseFormat:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError("'json_schema' is missing")
        return self


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
    response_format: ResponseFormat | None = None


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
