"""How the worker begins and ends, beyond what every worker has to do (``test_conformance.py``)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import urllib.request
from pathlib import Path

import psutil  # noqa: TID253
import pytest

from rbee_core.testing.drive_worker import Worker, started_worker, wait_until

pytestmark = pytest.mark.slow

ENDLESS = {"prompt": "A", "max_tokens": 400, "ignore_eos": True, "stream": True}


def processes(worker: Worker) -> list[psutil.Process]:
    front = psutil.Process(worker.process.pid)
    return [front, *front.children(recursive=True)]


def all_gone(found: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in found)


def test_a_request_without_end_is_cut_off_in_time(worker_python: Path, demo_model: Path, tmp_path: Path) -> None:
    """The engine is held, so that the request cannot end: the worker ends all the same."""
    with started_worker(worker_python, tmp_path, "--model", str(demo_model)) as worker:
        worker.until_ready()
        found = processes(worker)
        found[1].suspend()
        request = urllib.request.Request(f"{worker.url}/v1/completions", json.dumps(ENDLESS).encode())
        reader = threading.Thread(target=_ignore_errors, args=(request,))
        reader.start()
        wait_until(lambda: worker.get("/info")[1]["status"] == "busy")
        worker.process.terminate()
        wait_until(lambda: worker.get("/health") == (503, {"status": "stopping"}))
        status, answer = worker.post("/v1/completions", {"prompt": "A"})
        assert (status, answer["error"]["code"]) == (503, "stopping")
        assert worker.process.wait(12) == 0
        reader.join(30)
        wait_until(lambda: all_gone(found))


def _ignore_errors(request: urllib.request.Request) -> None:
    with contextlib.suppress(OSError):
        urllib.request.urlopen(request, timeout=60).read()


def test_the_end_of_the_watched_pipe_ends_it(worker_python: Path, demo_model: Path, tmp_path: Path) -> None:
    with started_worker(worker_python, tmp_path, "--model", str(demo_model), "--watch-fd", "0") as worker:
        worker.until_ready()
        found = processes(worker)
        assert worker.process.stdin is not None
        worker.process.stdin.close()
        assert worker.process.wait(12) == 0
        wait_until(lambda: all_gone(found))


@pytest.mark.parametrize("content", [b"", b"not a model", b"GGUF\x03\x00\x00\x00" + b"\xff" * 64])
def test_a_file_that_is_no_model_ends_it_with_its_reason(worker_python: Path, tmp_path: Path, content: bytes) -> None:
    model = tmp_path / "bad.gguf"
    model.write_bytes(content)
    with started_worker(worker_python, tmp_path / "w", "--model", str(model)) as worker:
        assert worker.process.wait(30) == 1
        assert f"cannot load {model}" in worker.log.read_text() or "while loading" in worker.log.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: --model"),
        (["--model", "/no/such.gguf"], "no such file"),
        (["--model", "{model}", "--host", "0.0.0.0"], "give an API key"),
        (["--model", "{model}", "--port", "99999"], "not between 0 and 65535"),
        (["--model", "{model}", "--kv-type", "q9"], "invalid choice"),
        (["--model", "{model}", "--api-key-file", "/no/such"], "/no/such"),
        (["--model", "{model}", "--api-key-file", "{empty}"], "expected one key"),
    ],
)
def test_a_wrong_command_line_is_told(
    worker_python: Path, demo_model: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "empty").touch()
    given = [a.format(model=demo_model, empty=tmp_path / "empty") for a in arguments]
    done = subprocess.run(
        [worker_python, "-m", "rbee_worker_llm", *given], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert message in done.stderr


@pytest.mark.parametrize("kv_type", ["q8_0", "q4_0"])
def test_a_quantised_kv_cache_works(worker_python: Path, demo_model: Path, tmp_path: Path, kv_type: str) -> None:
    with started_worker(worker_python, tmp_path, "--model", str(demo_model), "--kv-type", kv_type) as worker:
        worker.until_ready()
        status, answer = worker.post("/v1/completions", {"prompt": "Once", "max_tokens": 8})
        assert status == 200
        assert answer["choices"][0]["text"]


def test_nothing_is_left_in_the_temporary_folder(worker_python: Path, demo_model: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    env = {"TMPDIR": str(temporary)}
    with started_worker(worker_python, tmp_path / "w", "--model", str(demo_model), env=env) as worker:
        worker.until_ready()
        (folder,) = temporary.iterdir()
        assert folder.stat().st_mode & 0o077 == 0
        os.kill(worker.process.pid, signal.SIGTERM)
        assert worker.process.wait(12) == 0
    assert list(temporary.iterdir()) == []
    # A killed worker cannot tidy up: the next one does, and leaves alone what belongs to one that lives.
    (temporary / f"rbee-worker-{os.getpid()}-alive").mkdir()
    for _ in range(2):
        with started_worker(worker_python, tmp_path / "w", "--model", str(demo_model), env=env) as worker:
            worker.until_ready()
            assert len(list(temporary.iterdir())) == 2


def test_an_engine_that_sees_no_gpu_does_not_take_the_processor_instead(
    worker_python: Path, demo_model: Path, tmp_path: Path
) -> None:
    arguments = ["--model", str(demo_model), "--device", "GPU-0"]
    with started_worker(worker_python, tmp_path, *arguments) as worker:
        assert worker.process.wait(60) == 1
        assert "the engine sees no GPU" in worker.log.read_text()
