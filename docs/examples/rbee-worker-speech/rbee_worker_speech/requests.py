"""What may be asked: OpenAI's `/v1/audio/speech`. The front holds every request against it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator
from rbee_worker_kit.endpoints import Endpoint
from rbee_worker_kit.requests import Asked


class SpeechRequest(Asked):
    """The body. Its `model` is that of every request."""

    input: str = Field(max_length=4096)
    voice: Literal["default"] | None = Field(default=None, description="the model is the voice")
    response_format: Literal["wav", "pcm"] = "wav"
    # What the engine can; OpenAI's own bounds are 0.25 and 4.
    speed: float = Field(default=1.0, ge=0.5, le=2.5)

    @field_validator("input")
    @classmethod
    def _has_words(cls, text: str) -> str:
        if not text.strip() or "\0" in text:
            raise ValueError("there is nothing in it to be spoken")
        return text


SPEECH = Endpoint(
    path="/v1/audio/speech",
    shape=SpeechRequest,
    task="speech",
    summary="Speak a text. The sound is streamed as it is made.",
    answers={"description": "The sound", "content": {"audio/wav": {}, "audio/pcm": {}}},
    probe=b'{"input":"a"}',
)
