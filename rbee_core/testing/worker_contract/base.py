"""What the tests of the contract start from: a built worker, a model, and how the one is started on the other."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # noqa: TID253
import pytest

from ...workers.placeholders import fill, used
from ..cli import RbeeHome
from ..drive_worker import Worker, WorkerAnswer, started
from ..workers import build_once, environment_python
from .request import WorkerRequest

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

    @classmethod
    def of(cls, variant: str, model: str, home: RbeeHome) -> Build:
        """Build a variant and download a model, unless that was done in this home before."""
        build_once(home, variant, model)
        worker = variant.rpartition("-")[0]
        recipe = json.loads(home("workers", "show", worker, "--json").stdout)
        entry = json.loads(home("models", "show", model, "--json").stdout)
        return cls(variant, environment_python(home, variant), recipe, Path(entry["path"]))

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


@dataclass
class Loading:
    """What a worker answered while it was loading, and what it answered first once it was ready."""

    health: tuple[int, Any]
    first: WorkerAnswer
    answer: WorkerAnswer


class Base:
    """The fixtures. ``variant``, ``model`` and ``question`` are the author's; the others he may override."""

    #: Seconds until a worker has to be ready.
    ready_within = 300.0
    #: Seconds in which it has to end once something ends it.
    ends_within = 90.0

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
    def question(cls) -> WorkerRequest:
        """What it is asked, and how its answer is checked."""
        raise NotImplementedError("override the fixture 'question'")

    @pytest.fixture(scope="class")
    @classmethod
    def long_question(cls, question: WorkerRequest) -> WorkerRequest:
        """One whose answer begins soon and takes some time; by default just the question."""
        return question

    @pytest.fixture(scope="class")
    @classmethod
    def damaged_model(cls, build: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A model that cannot be loaded; by default a copy of the model that lacks the second half of its weights."""
        return _damaged(build.model, tmp_path_factory.mktemp("damaged"))

    @pytest.fixture(scope="class")
    @classmethod
    def build(cls, variant: str, model: str, shared_home: RbeeHome) -> Build:
        """The variant, built, and the model, downloaded: once for a whole test run."""
        return Build.of(variant, model, shared_home)

    @pytest.fixture(scope="class")
    @classmethod
    def _running(
        cls, build: Build, question: WorkerRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[tuple[Worker, Loading]]:
        with build.start(tmp_path_factory.mktemp("worker")) as worker:
            health, first = worker.get("/health"), question.ask(worker)
            worker.until_ready(cls.ready_within)
            yield worker, Loading(health, first, question.ask(worker))

    @pytest.fixture(scope="class")
    @classmethod
    def worker(cls, _running: tuple[Worker, Loading]) -> Worker:
        """One worker for the tests that leave it as it was."""
        return _running[0]

    @pytest.fixture(scope="class")
    @classmethod
    def loading(cls, _running: tuple[Worker, Loading]) -> Loading:
        """How that worker became ready."""
        return _running[1]


def processes(worker: Worker) -> list[psutil.Process]:
    """The worker's processes, the one that was started first."""
    front = psutil.Process(worker.process.pid)
    return [front, *front.children(recursive=True)]


def all_gone(found: list[psutil.Process]) -> bool:
    """Whether none of them runs any more."""
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in found)


def _damaged(model: Path, folder: Path) -> Path:
    """A copy of a model of which the second half of its weights is missing."""
    copy = folder / f"damaged{model.suffix}"
    if model.is_file():
        copy.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
        return copy
    shutil.copytree(model, copy)
    files = [path for path in copy.rglob("*") if path.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size)
    for weights in [path for path in files if path.suffix == ".safetensors"] or [largest]:
        content = weights.read_bytes()[: weights.stat().st_size // 2]
        weights.unlink()  # it may be a link to the store's own file
        weights.write_bytes(content)
    return copy


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
