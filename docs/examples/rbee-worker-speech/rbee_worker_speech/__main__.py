"""`python -m rbee_worker_speech`: serve one voice, or (`--check`) see that everything needed is installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rbee_worker_kit.program import Program, main

if TYPE_CHECKING:
    from rbee_worker_kit.endpoints import Endpoint


def _check() -> str:
    """Load all that the engine needs, and give its version."""
    from .voice import engine_version

    return engine_version()


def _endpoints() -> Sequence[Endpoint]:
    """Imported where it is needed: the front begins to load the engine before it loads itself."""
    from .requests import SPEECH

    return [SPEECH]


PROGRAM = Program(
    package="rbee_worker_speech",
    implementation="rbee-worker-speech",
    description="Text to speech with eSpeak NG.",
    worker_id="speech",
    child="rbee_worker_speech.engine_child",
    model_is="file",
    model_help="a voice file of eSpeak NG",
    configure=lambda settings: {},
    check=_check,
    endpoints=_endpoints,
)

if __name__ == "__main__":
    sys.exit(main(PROGRAM, sys.argv[1:]))
