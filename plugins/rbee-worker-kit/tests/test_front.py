"""The front around an engine that is a few lines long: what does not depend on which engine it is."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from rbee_worker_kit.program import Program
from rbee_worker_kit.settings import parse

from rbee_core.testing.drive_worker import Worker, started_worker, wait_until

Start = Callable[..., Worker]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the toy worker on a model that can do what is given."""
    with ExitStack() as stack:

        def begin(*arguments: str, tasks: str = "completion", key: str = "") -> Worker:
            model = tmp_path / "model"
            model.write_text(tasks)
            env = {"PYTHONPATH": str(Path(__file__).parent), "RBEE_API_KEY": key}
            given = ("--model", str(model), *arguments)
            python = Path(sys.executable)
            worker = stack.enter_context(started_worker(python, tmp_path / "w", *given, env=env, module="toy_worker"))
            worker.until_ready()
            return worker

        yield begin


def test_without_a_request_it_ends_after_the_idle_time_and_says_so(start: Start) -> None:
    worker = start("--idle-timeout", "0.2")
    assert worker.process.wait(30) == 0
    assert "stopping: no request for 0.2 s (--idle-timeout)" in worker.log.read_text()


def test_an_end_that_was_meant_is_told(start: Start) -> None:
    worker = start()
    worker.process.terminate()
    assert worker.process.wait(30) == 0
    assert "stopping: told so, with 0 requests in hand" in worker.log.read_text()


def test_a_request_in_hand_is_not_idleness(start: Start, tmp_path: Path) -> None:
    """The request is held for as long as another, asked later, says: longer than the idle time."""
    worker = start("--idle-timeout", "1")
    hold = tmp_path / "hold"
    hold.touch()
    answers: list[Any] = []
    asked = {"prompt": "x", "hold": str(hold)}
    held = threading.Thread(target=lambda: answers.append(worker.post("/v1/completions", asked)))
    held.start()
    wait_until(lambda: worker.get("/info")[1]["status"] == "busy")
    with pytest.raises(Exception, match="timed out"):
        worker.process.wait(2.5)
    hold.unlink()
    held.join(30)
    assert answers[0][0] == 200
    assert worker.process.wait(30) == 0


def test_looking_at_a_worker_does_not_keep_it(start: Start) -> None:
    worker = start("--idle-timeout", "0.5")

    def gone() -> bool:
        try:
            worker.get("/info")
        except OSError:
            return True
        return worker.process.poll() is not None

    wait_until(gone, 30)
    assert worker.process.wait(30) == 0


def test_a_key_may_come_from_the_environment(start: Start) -> None:
    worker = start(key="sk-test-123")
    assert worker.get("/v1/models")[0] == 401
    assert worker.get("/v1/models", {"Authorization": "Bearer sk-test-123"})[0] == 200


def test_the_engine_gets_the_request_as_it_came_with_a_key_of_its_own(start: Start) -> None:
    worker = start("--gpu-layers", "7", "--tensor-split", "20,13")
    status, answer = worker.post("/v1/completions", {"prompt": "x", "top_k": 5})
    assert (status, answer["path"], answer["asked"]) == (200, "/v1/completions", {"prompt": "x", "top_k": 5})
    assert len(answer["key"].removeprefix("Bearer ")) >= 32


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"message": "no", "type": "exceed_context_size_error", "code": 400},
            {"message": "no", "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"},
        ),
        (
            {"message": "no", "type": "not_supported_error", "code": 400},
            {"message": "no", "type": "not_supported_error", "param": None, "code": None},
        ),
        (
            {"message": "no", "type": "invalid_request_error", "param": "n", "code": "unsupported_value"},
            {"message": "no", "type": "invalid_request_error", "param": "n", "code": "unsupported_value"},
        ),
    ],
)
def test_an_engines_refusal_has_openais_shape(start: Start, given: Any, expected: Any) -> None:
    worker = start()
    assert worker.post("/v1/completions", {"prompt": "x", "fail": 400, "with": {"error": given}}) == (
        400,
        {"error": expected},
    )
    status, answer = worker.post("/v1/completions", {"prompt": "x", "fail": 400, "with": "what?"})
    assert (status, answer["error"]["code"]) == (502, "engine_error")


def test_a_model_is_asked_only_for_what_it_can_do(start: Start) -> None:
    worker = start(tasks="embedding")
    assert worker.post("/v1/embeddings", {"input": ["a", "b"]})[0] == 200
    for path, body in (("/v1/completions", {"prompt": "x"}), ("/v1/chat/completions", {"messages": []})):
        status, answer = worker.post(path, body)
        assert (status, answer["error"]["code"]) == (400, "unsupported_task")
        assert "embeddings" in answer["error"]["message"]
    status, answer = worker.post("/v1/embeddings", {"input": []})
    assert (status, answer["error"]["param"]) == (400, "input")


PROGRAM = Program("p", "p", "", "p", "p", "folder", "", lambda settings: {}, lambda: "1", ("f32", "f16"))


def test_the_command_line(tmp_path: Path) -> None:
    model = tmp_path / "Llama-3.2"
    model.mkdir()
    settings = parse(PROGRAM, ["--model", str(model)])
    assert (settings.model_id, settings.kv_type, settings.gpu_layers) == ("Llama-3.2", "f32", -1)
    assert (settings.tensor_split, settings.idle_timeout) == ((), None)
    options = ["--gpu-layers", "3", "--tensor-split", "2,1.5", "--idle-timeout", "60"]
    settings = parse(PROGRAM, ["--model", str(model), *options])
    assert (settings.gpu_layers, settings.tensor_split, settings.idle_timeout) == (3, (2, 1.5), 60)


@pytest.mark.parametrize(
    "options",
    [
        *(["--tensor-split", text] for text in ("", "a", "1,,2", "-1,2", "nan", "0,0", "inf")),
        *(["--idle-timeout", text] for text in ("0", "-1", "soon", "nan")),
        *(["--gpu-layers", text] for text in ("-2", "all", "65537")),
        ["--kv-type", "q8_0"],
        ["--model", "/no/such/folder"],
    ],
)
def test_a_wrong_option_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(PROGRAM, ["--model", str(tmp_path), *options])
    assert ended.value.code == 2
    assert options[0] in capsys.readouterr().err
