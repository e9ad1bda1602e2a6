"""A worker around the toy engine: ``python toy_worker.py --model FILE …``."""

from __future__ import annotations

import sys

from rbee_worker_kit.program import Program, main

PROGRAM = Program(
    package="toy_worker",
    implementation="toy-worker",
    description="A worker for tests.",
    worker_id="toy-worker",
    child="toy_engine",
    model_is="file",
    model_help="a file with the names of tasks in it",
    configure=lambda settings: {"gpu_layers": settings.gpu_layers, "tensor_split": settings.tensor_split},
    check=lambda: "1",
    kv_types=("f16",),
)

if __name__ == "__main__":
    sys.exit(main(PROGRAM, sys.argv[1:]))
