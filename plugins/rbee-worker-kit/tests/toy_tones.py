"""A worker of no language: ``python toy_tones.py --model FILE …``; it is asked for tones."""

from __future__ import annotations

import sys

from rbee_worker_kit.endpoints import Endpoint
from rbee_worker_kit.program import Program, main
from rbee_worker_kit.requests import Asked


class Tones(Asked):
    """How many."""

    count: int


TONES = Endpoint("/v1/tones", Tones, "tones", "Tones.", {"description": "Tones"}, b'{"count":1}')
PROGRAM = Program(
    package="toy_tones",
    implementation="toy-tones",
    description="A worker for tests.",
    worker_id="toy-tones",
    child="toy_tones_engine",
    model_is="file",
    model_help="any file",
    configure=lambda settings: {},
    check=lambda: "1",
    endpoints=lambda: [TONES],
)

if __name__ == "__main__":
    sys.exit(main(PROGRAM, sys.argv[1:]))
