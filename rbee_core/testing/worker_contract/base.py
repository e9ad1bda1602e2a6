"""What the tests of the contract start from: a built worker, a model, and how the one is started on the other."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil  # noqa: TID253
import pytest

from ...workers.placeholders import fill, used
from ..cli import RbeeHome
from ..drive_worker import Worker, started
from ..workers import build_once, environment_python

#: What the workers under test are called, and their model.
WORKER_ID, MODEL_ID = "under-test", "the-model"
#: Tokens per request, and requests at once.
CONTEXT, PARALLEL = 512, 4


@dataclass(frozen=True)
class Build:
    """A built variant, and the model it runs."""

    variant: str
    python: Path
    recipe: Mapping[str, Any]
    model: Path
    kind: str = field(default="gguf")

    def command(self, ready_file: Path, *, model: Path | None = None, **options: object) -> tuple[list[str], int]:
        """The command line that the recipe gives, and the port, which is 0 if the worker writes it to the ready file.

        :param options: values of further placeholders: ``api_key_file``, ``watch_fd``, …
        """
        entry = self.recipe["run"]["entry"]
        port = 0 if "ready_file" in used(entry) else _free_port()
        feature = self.variant.removeprefix(f"{self.recipe['id']}-")
        values = {
            "python": self.python,
            "prefix": self.python.parents[1],
            "host": "127.0.0.1",
            "port": port,
            "model": model or self.model,
            "model_id": MODEL_ID,
            "worker_id": WORKER_ID,
            "backend": feature,
            "device": "CPU-0" if feature == "cpu" else "GPU-0",
            "context": CONTEXT,
            "parallel": PARALLEL,
            "ready_file": ready_file,
            **options,
        }
        return fill(entry, values), port

    @contextmanager
    def start(
        self, folder: Path, *, env: Mapping[str, str] | None = None, model: Path | None = None, **options: object
    ) -> Iterator[Worker]:
        """Start the worker and wait until its port is bound; it is killed at the end."""
        argv, port = self.command(folder / "ready.json", model=model, **options)
        with started(argv, folder, env=env, port=port) as worker:
            yield worker


class Base:
    """The fixtures. ``variant`` and ``model`` are the author's."""

    @pytest.fixture(scope="class")
    @classmethod
    def variant(cls) -> str:
        """The variant under test, such as ``llm-worker-cpu``."""
        raise NotImplementedError("override the fixture 'variant'")

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> str:
        """The model it is tested with: a reference, such as ``demo:stories``."""
        raise NotImplementedError("override the fixture 'model'")

    @pytest.fixture(scope="class")
    @classmethod
    def build(cls, variant: str, model: str, shared_home: RbeeHome) -> Build:
        """The variant, built, and the model, downloaded: once for a whole test run."""
        build_once(shared_home, variant, model)
        worker = variant.rpartition("-")[0]
        recipe = json.loads(shared_home("workers", "show", worker, "--json").stdout)
        entry = json.loads(shared_home("models", "show", model, "--json").stdout)
        python = environment_python(shared_home, variant)
        return Build(variant, python, recipe, Path(entry["path"]), entry["format"])

    @pytest.fixture(scope="class")
    @classmethod
    def worker(cls, build: Build, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
        """One worker for the tests that leave it as it was."""
        with build.start(tmp_path_factory.mktemp("worker")) as worker:
            worker.until_ready()
            yield worker


def processes(worker: Worker) -> list[psutil.Process]:
    """The worker's processes, the one that was started first."""
    front = psutil.Process(worker.process.pid)
    return [front, *front.children(recursive=True)]


def all_gone(found: list[psutil.Process]) -> bool:
    """Whether none of them runs any more."""
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in found)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
