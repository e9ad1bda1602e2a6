"""A front whose program has endpoints of its own, around an engine that is a function."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rbee_core.testing.drive_worker import Worker, started_worker, wait_until

ENV = {"PYTHONPATH": str(Path(__file__).parent)}


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    (tmp_path / "model").touch()
    arguments = ("--model", str(tmp_path / "model"), "--model-id", "m")
    with started_worker(Path(sys.executable), tmp_path / "w", *arguments, env=ENV, module="toy_tones") as started:
        started.until_ready()
        yield started


def test_what_the_program_names_is_checked_and_passed_on(worker: Worker) -> None:
    answer = worker.ask("POST", "/v1/tones", {"count": 3})
    assert (answer.status, answer.headers["content-type"]) == (200, "audio/tones")
    assert answer.body == b"0000000\n0000001\n0000002\n"
    assert worker.ask("POST", "/v1/tones", {"count": 0}).body == b""
    refused = {"message": "not thirteen", "type": "invalid_request_error", "param": "count", "code": "unlucky"}
    assert worker.post("/v1/tones", {"count": 13}) == (400, {"error": refused})
    status, wrong = worker.post("/v1/tones", {"count": "many"})
    assert (status, wrong["error"]["param"]) == (400, "count")
    assert worker.post("/v1/tones", {"count": 1, "model": "other"})[0] == 404
    assert worker.post("/v1/completions", {"prompt": "x"})[0] == 404, "it is no language model"


def test_a_client_that_goes_away_ends_the_engines_work(worker: Worker, tmp_path: Path) -> None:
    note = tmp_path / "closed"
    note.unlink()  # that of the probe
    with worker.asking("POST", "/v1/tones", {"count": 1 << 40}) as answer:
        assert answer.read(8) == b"0000000\n"
        assert not note.exists()
    wait_until(note.exists)
    wait_until(lambda: worker.get("/info")[1]["status"] == "ready")


def test_its_document_is_that_of_its_endpoints() -> None:
    command = [sys.executable, "-m", "toy_tones", "--openapi"]
    done = subprocess.run(command, env=ENV, cwd=Path(__file__).parent, capture_output=True, check=True)
    document = json.loads(done.stdout)
    assert [path for path in document["paths"] if path.startswith("/v1/")] == [
        "/v1/models",
        "/v1/models/{model}",
        "/v1/tones",
    ]
    assert "Tones" in document["components"]["schemas"]
