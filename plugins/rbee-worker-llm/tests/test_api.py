"""The worker's API, driven with OpenAI's own client over real HTTP, against the real engine and the demo model."""

from __future__ import annotations

import contextlib
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import openai
import psutil  # noqa: TID253
import pytest

from rbee_core.contracts import WorkerInfo
from rbee_core.testing.drive_worker import Worker, started_worker, wait_until

pytestmark = pytest.mark.slow

CHAT: list[Any] = [{"role": "user", "content": "Tell me a story about a cat."}]


@pytest.fixture(scope="module")
def worker(worker_python: Path, demo_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """A worker for this module, ready."""
    arguments = ("--model", str(demo_model), "--model-id", "demo:stories", "--parallel", "4", "--context", "512")
    with started_worker(worker_python, tmp_path_factory.mktemp("worker"), *arguments) as worker:
        worker.until_ready()
        yield worker


@pytest.fixture(scope="module")
def client(worker: Worker) -> openai.OpenAI:
    """OpenAI's client, which does not try again by itself."""
    return openai.OpenAI(base_url=f"{worker.url}/v1", api_key="none", max_retries=0, timeout=60)


def test_health_and_info(worker: Worker) -> None:
    assert worker.get("/health") == (200, {"status": "ok"})
    status, info = worker.get("/info")
    assert status == 200
    jsonschema.validate(info, WorkerInfo.model_json_schema())
    assert info == {
        "id": "llm-worker",
        "model_id": "demo:stories",
        "device": "CPU-0",
        "port": int(worker.url.rpartition(":")[2]),
        "status": "ready",
        "implementation": "rbee-worker-llm",
        "version": "0.1.0",
    }


def test_models_lists_the_one_that_is_loaded(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["demo:stories"]
    assert client.models.retrieve("demo:stories").id == "demo:stories"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4")


def test_a_chat_is_answered_the_same_with_and_without_streaming(client: openai.OpenAI) -> None:
    given: Any = {"model": "demo:stories", "messages": CHAT, "temperature": 0, "max_tokens": 40}
    whole = client.chat.completions.create(**given)
    assert whole.usage is not None
    text = whole.choices[0].message.content
    assert text
    assert (whole.model, whole.choices[0].finish_reason) == ("demo:stories", "length")
    assert whole.usage.completion_tokens == 40
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + 40
    chunks = list(client.chat.completions.create(**given, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == text
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "length"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 40


def test_a_stream_ends_with_done(worker: Worker) -> None:
    body = json.dumps({"messages": CHAT, "stream": True, "max_tokens": 3}).encode()
    request = urllib.request.Request(f"{worker.url}/v1/chat/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.read().decode().split("\n\n")
    assert all(line.startswith("data: ") for line in lines if line)
    assert lines[-2:] == ["data: [DONE]", ""]


def test_a_text_is_continued(client: openai.OpenAI) -> None:
    given: Any = {"model": "demo:stories", "prompt": "Once upon a time", "temperature": 0, "max_tokens": 16}
    whole = client.completions.create(**given)
    assert whole.usage is not None
    assert whole.choices[0].text
    assert whole.usage.completion_tokens == 16
    chunks = list(client.completions.create(**given, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == whole.choices[0].text
    usage = [chunk.usage for chunk in chunks if chunk.usage]
    assert usage[-1].completion_tokens == 16


def test_options_are_honoured(client: openai.OpenAI) -> None:
    def ask(**options: Any) -> Any:
        answer = client.chat.completions.create(model="demo:stories", messages=CHAT, **options)
        return answer.choices[0]

    seeded = [ask(seed=7, temperature=1.0, max_completion_tokens=24).message.content for _ in range(2)]
    assert seeded[0] == seeded[1]
    assert len({ask(temperature=1.5, max_tokens=24).message.content for _ in range(4)}) > 1
    greedy = ask(temperature=0, max_tokens=24).message.content
    assert ask(temperature=1.5, top_p=0.0, max_tokens=24).message.content == greedy
    word = greedy.split()[3]
    stopped = ask(temperature=0, max_tokens=24, stop=[word])
    assert stopped.finish_reason == "stop"
    assert stopped.message.content == greedy[: greedy.index(word)]
    two = client.chat.completions.create(model="demo:stories", messages=CHAT, n=2, max_tokens=4)
    assert sorted(choice.index for choice in two.choices) == [0, 1]


def test_many_are_answered_at_once(client: openai.OpenAI, worker: Worker) -> None:
    def ask(number: int) -> str:
        stream = client.chat.completions.create(
            model="demo:stories", messages=CHAT, max_tokens=60, seed=number % 2, temperature=0.8, stream=True
        )
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(ask, range(40)))
    assert all(answers)
    assert worker.get("/info")[1]["status"] == "ready"


def test_four_run_side_by_side_and_not_one_after_the_other(worker: Worker) -> None:
    """The engine is let run for a few milliseconds at a time: every stream begins before any of them ends."""
    (engine,) = psutil.Process(worker.process.pid).children(recursive=True)
    body = json.dumps({"prompt": "A", "max_tokens": 480, "stream": True, "ignore_eos": True}).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    port = int(worker.url.rpartition(":")[2])
    streams = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
    engine.suspend()
    try:
        for stream in streams:
            stream.sendall(head + body)
            stream.setblocking(False)
        wait_until(lambda: worker.get("/info")[1]["status"] == "busy")
        seen = [b""] * 4
        while not all(b"data: " in data for data in seen):
            assert not any(b"[DONE]" in data for data in seen), "one ended before another began"
            engine.resume()
            time.sleep(0.003)
            engine.suspend()
            worker.get("/info")  # by its answer the front has passed on what it had
            for number, stream in enumerate(streams):
                with contextlib.suppress(BlockingIOError):
                    seen[number] += stream.recv(1 << 20)
    finally:
        engine.resume()
        for stream in streams:
            stream.close()


BAD: list[tuple[str, Any, str | None]] = [
    ("chat", {"messages": []}, "messages"),
    ("chat", {}, "messages"),
    ("chat", {"messages": "hi"}, "messages"),
    ("chat", {"messages": [{"role": "boss", "content": "x"}]}, "messages.0.role"),
    ("chat", {"messages": CHAT, "temperature": 3}, "temperature"),
    ("chat", {"messages": CHAT, "max_tokens": 0}, "max_tokens"),
    ("chat", {"messages": CHAT, "max_tokens": "many"}, "max_tokens"),
    ("chat", {"messages": CHAT, "top_p": -1}, "top_p"),
    ("chat", {"messages": CHAT, "n": 0}, "n"),
    ("completions", {}, "prompt"),
    ("completions", b"{nope", None),
    ("completions", b"", None),
    ("completions", b"[1, 2]", None),
    ("completions", b"\xff\xfe", None),
    ("completions", b"[" * 100_000, None),
    ("chat", {"messages": CHAT, "grammar": "root ::= ("}, None),
]


@pytest.mark.parametrize(("kind", "body", "param"), BAD, ids=range(len(BAD)))
def test_a_wrong_request_is_a_400_in_openais_shape(worker: Worker, kind: str, body: Any, param: str | None) -> None:
    path = "/v1/chat/completions" if kind == "chat" else "/v1/completions"
    status, answer = worker.post(path, body)
    assert status == 400
    error = answer["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert param is None or (error["param"] or "").startswith(param)


def test_a_prompt_that_does_not_fit_is_told(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model="demo:stories", prompt="story " * 2000, max_tokens=4)
    assert caught.value.code == "context_length_exceeded"
    assert "512" in str(caught.value)


def test_another_model_is_not_found(client: openai.OpenAI) -> None:
    for stream in (False, True):
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(model="gpt-4", messages=CHAT, stream=stream)
        assert caught.value.code == "model_not_found"


def test_what_is_too_large_is_refused_before_it_is_read(worker: Worker) -> None:
    status, answer = worker.post("/v1/completions", b'{"prompt": "' + b"a" * (33 << 20) + b'"}')
    assert (status, answer["error"]["code"]) == (413, "request_too_large")
    with socket.create_connection(("127.0.0.1", int(worker.url.rpartition(":")[2])), timeout=30) as connection:
        connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_unknown_paths_and_methods_have_the_same_shape(worker: Worker) -> None:
    assert worker.get("/nope")[0] == 404
    assert worker.get("/v1/completions")[0] == 405
    assert worker.get("/nope")[1]["error"]["message"] == "Not Found"


def test_a_web_page_from_elsewhere_is_refused(worker: Worker) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}):
        status, answer = worker.get("/v1/models", headers)
        assert (status, answer["error"]["code"]) == (403, "foreign_origin")
    assert worker.get("/v1/models", {"Origin": "http://localhost:3000"})[0] == 200


def test_the_engine_cannot_be_reached_past_the_front(worker: Worker) -> None:
    front = psutil.Process(worker.process.pid)
    processes = [front, *front.children(recursive=True)]
    ports = {c.laddr.port for p in processes for c in p.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert ports == {int(worker.url.rpartition(":")[2])}


def test_a_client_that_goes_away_ends_its_work(worker: Worker, client: openai.OpenAI) -> None:
    stream = client.completions.create(
        model="demo:stories", prompt="A", max_tokens=100_000, stream=True,
        extra_body={"ignore_eos": True, "n_predict": 100_000},
    )  # fmt: skip
    next(iter(stream))
    assert worker.get("/info")[1]["status"] == "busy"
    stream.close()
    wait_until(lambda: worker.get("/info")[1]["status"] == "ready")
    # One that has not had a byte yet: four long ones hold every slot, and it is waiting for its turn.
    body = json.dumps({"prompt": "A", "max_tokens": 300, "ignore_eos": True}).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    port = int(worker.url.rpartition(":")[2])
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(30)]
    for connection in sockets:
        connection.sendall(head + body)
    wait_until(lambda: worker.get("/info")[1]["status"] == "busy")
    for connection in sockets:
        connection.close()
    wait_until(lambda: worker.get("/info")[1]["status"] == "ready")
    began = time.monotonic()
    assert client.completions.create(model="demo:stories", prompt="A", max_tokens=1).usage is not None
    assert time.monotonic() - began < 30


def test_an_api_key_is_demanded_and_never_on_a_command_line(
    worker_python: Path, demo_model: Path, tmp_path: Path
) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("sk-test-123\n")
    for arguments, env in ((("--api-key-file", str(key_file)), {}), ((), {"RBEE_API_KEY": "sk-test-123"})):
        with started_worker(worker_python, tmp_path / "w", "--model", str(demo_model), *arguments, env=env) as worker:
            worker.until_ready()
            assert worker.get("/health")[0] == 200
            for path in ("/info", "/v1/models"):
                assert worker.get(path)[0] == 401
                assert worker.get(path, {"Authorization": "Bearer sk-test-124"})[0] == 401
                assert worker.get(path, {"Authorization": "Bearer sk-test-123"})[0] == 200
            wrong = openai.OpenAI(base_url=f"{worker.url}/v1", api_key="wrong", max_retries=0)
            with pytest.raises(openai.AuthenticationError):
                wrong.chat.completions.create(model="stories", messages=CHAT)
            right = openai.OpenAI(base_url=f"{worker.url}/v1", api_key="sk-test-123", max_retries=0)
            assert right.chat.completions.create(model="stories", messages=CHAT, max_tokens=2).choices
            assert "sk-test-123" not in " ".join(worker.command_lines())
            assert "sk-test-123" not in worker.log.read_text()
