"""The engine's process: loads a voice, and answers what the front passes on."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rbee_worker_kit.answering import Answer, serve
from rbee_worker_kit.child import Serving, run

from .voice import Voice


def load(config: dict[str, Any]) -> Serving:
    """Load the model; what is raised is why it cannot be."""
    voice = Voice(Path(config["model"]))

    def answer(path: str, asked: dict[str, Any]) -> Answer:
        samples = voice.speak(asked["input"], asked.get("speed", 1.0))
        if asked.get("response_format") == "pcm":
            return Answer("audio/pcm", samples)
        return Answer("audio/wav", wav(voice.rate, samples))

    return serve(config, answer, tasks=["speech"])


def wav(rate: int, samples: Iterator[bytes]) -> Iterator[bytes]:
    """A WAV file of 16-bit samples in one channel, whose length is not known yet."""
    unknown = 0xFFFFFFFF
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    yield struct.pack("<4sI4s", b"RIFF", unknown, b"WAVE") + form + struct.pack("<4sI", b"data", unknown)
    yield from samples


if __name__ == "__main__":
    run(load)
