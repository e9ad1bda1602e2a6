"""What a worker that runs language models answers, asked with OpenAI's own client over real HTTP."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ..drive_worker import Worker, WorkerAnswer, wait_until
from .answers import connected
from .base import CONTEXT, MODEL_ID, Base, Build, processes
from .request import WorkerRequest

if TYPE_CHECKING:
    import openai

CHAT: list[Any] = [{"role": "user", "content": "Tell me a story about a cat."}]
#: A request whose answer is as long as the context allows.
LONG: dict[str, Any] = {"prompt": "A", "max_tokens": 480, "ignore_eos": True}

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
    ("chat", {"messages": CHAT, "grammar": "root ::= ("}, None),
    ("chat", {"messages": CHAT, "response_format": {"type": "json_schema", "json_schema": {"schema": 1}}}, None),
]


class LanguageContract(Base):
    """Requests and answers of OpenAI's API. The question is brought along, and may be overridden."""

    @pytest.fixture(scope="class")
    @classmethod
    def question(cls) -> WorkerRequest:
        """A short completion."""
        return WorkerRequest("/v1/completions", {"prompt": "A", "max_tokens": 4}, check=_completed)

    @pytest.fixture(scope="class")
    @classmethod
    def long_question(cls) -> WorkerRequest:
        """A stream of a few hundred tokens."""
        return WorkerRequest("/v1/completions", {**LONG, "max_tokens": 200, "stream": True}, check=_streamed)

    @pytest.fixture(scope="class")
    @classmethod
    def client(cls, worker: Worker) -> openai.OpenAI:
        """OpenAI's client, which does not try again by itself."""
        import openai

        return openai.OpenAI(base_url=f"{worker.url}/v1", api_key="none", max_retries=0, timeout=60)

    def test_openais_client_lists_the_model(self, client: openai.OpenAI) -> None:
        import openai

        assert [model.id for model in client.models.list()] == [MODEL_ID]
        assert client.models.retrieve(MODEL_ID).id == MODEL_ID
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("gpt-4")

    def test_a_chat_is_answered_the_same_with_and_without_streaming(self, client: openai.OpenAI) -> None:
        given: Any = {"model": MODEL_ID, "messages": CHAT, "temperature": 0, "max_tokens": 40}
        whole = client.chat.completions.create(**given)
        text = whole.choices[0].message.content
        assert text
        assert (whole.model, whole.choices[0].finish_reason) == (MODEL_ID, "length")
        assert whole.usage.completion_tokens == 40
        assert whole.usage.prompt_tokens > 0
        assert whole.usage.total_tokens == whole.usage.prompt_tokens + 40
        chunks = list(client.chat.completions.create(**given, stream=True, stream_options={"include_usage": True}))
        assert chunks[0].choices[0].delta.role == "assistant"
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == text
        assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "length"
        assert chunks[-1].choices == []
        assert chunks[-1].usage.completion_tokens == 40

    def test_a_stream_ends_with_done(self, worker: Worker) -> None:
        body = json.dumps({"messages": CHAT, "stream": True, "max_tokens": 3}).encode()
        request = urllib.request.Request(  # noqa: S310 — our own address
            f"{worker.url}/v1/chat/completions", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.read().decode().split("\n\n")
        assert all(line.startswith("data: ") for line in lines if line)
        assert lines[-2:] == ["data: [DONE]", ""]

    def test_a_text_is_continued(self, client: openai.OpenAI) -> None:
        given: Any = {"model": MODEL_ID, "prompt": "Once upon a time", "temperature": 0, "max_tokens": 16}
        whole = client.completions.create(**given)
        assert whole.choices[0].text
        assert whole.usage.completion_tokens == 16
        chunks = list(client.completions.create(**given, stream=True, stream_options={"include_usage": True}))
        assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == whole.choices[0].text
        usage = [chunk.usage for chunk in chunks if chunk.usage]
        assert usage[-1].completion_tokens == 16

    def test_chance_and_its_limits(self, client: openai.OpenAI) -> None:
        def ask(**options: Any) -> Any:
            return client.chat.completions.create(model=MODEL_ID, messages=CHAT, **options).choices[0].message.content

        assert len({ask(seed=7, temperature=1.0, max_completion_tokens=24) for _ in range(2)}) == 1
        assert len({ask(temperature=1.5, max_tokens=24) for _ in range(4)}) > 1
        assert ask(temperature=1.5, top_p=0.0, max_tokens=24) == ask(temperature=0, max_tokens=24)
        two = client.chat.completions.create(model=MODEL_ID, messages=CHAT, n=2, max_tokens=4)
        assert sorted(choice.index for choice in two.choices) == [0, 1]

    def test_a_stop_string_ends_the_answer_and_is_no_part_of_it(self, client: openai.OpenAI) -> None:
        given: Any = {"model": MODEL_ID, "messages": CHAT, "temperature": 0, "max_tokens": 24}
        greedy = client.chat.completions.create(**given).choices[0].message.content
        words = greedy.split()
        stop = f"{words[3]} {words[4]}"  # its beginning comes before it can be known
        stopped = client.chat.completions.create(**given, stop=[stop]).choices[0]
        assert stopped.finish_reason == "stop"
        assert stopped.message.content == greedy[: greedy.index(stop)]
        chunks = client.chat.completions.create(**given, stop=[stop], stream=True)
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == stopped.message.content

    def test_an_answer_follows_a_json_schema(self, client: openai.OpenAI) -> None:
        schema = {
            "type": "object",
            "properties": {"kind": {"enum": ["cat", "dog"]}, "old": {"type": "boolean"}},
            "required": ["kind", "old"],
            "additionalProperties": False,
        }
        form: Any = {"type": "json_schema", "json_schema": {"name": "pet", "schema": schema}}
        answer = client.chat.completions.create(
            model=MODEL_ID, messages=CHAT, response_format=form, max_tokens=100, temperature=1.5
        )
        assert answer.choices[0].finish_reason == "stop"
        pet = json.loads(answer.choices[0].message.content or "")
        assert pet["kind"] in ("cat", "dog")
        assert pet["old"] in (True, False)

    def test_many_streams_at_once(self, client: openai.OpenAI, worker: Worker) -> None:
        def ask(number: int) -> str:
            stream = client.chat.completions.create(
                model=MODEL_ID, messages=CHAT, max_tokens=24, seed=number % 2, temperature=0.8, stream=True
            )
            return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(ask, range(20)))
        assert all(answers)
        wait_until(lambda: worker.get("/info")[1]["status"] == "ready")

    def test_four_run_side_by_side_and_not_one_after_the_other(self, worker: Worker, build: Build) -> None:
        """The engine is let run for a few milliseconds at a time: every stream begins before any of them ends."""
        if not build.recipe["capabilities"]["supportsBatching"]:
            assert build.recipe["capabilities"]["supportsBatching"] is False
            return
        engine = processes(worker)[-1]
        streams = [connected(worker) for _ in range(4)]
        asked = WorkerRequest("/v1/completions", {**LONG, "stream": True}).on_the_wire()
        engine.suspend()
        try:
            for stream in streams:
                stream.sendall(asked)
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

    @pytest.mark.parametrize(("kind", "body", "param"), BAD, ids=range(len(BAD)))
    def test_what_is_wrong_with_a_request_is_named(
        self, worker: Worker, kind: str, body: Any, param: str | None
    ) -> None:
        path = "/v1/chat/completions" if kind == "chat" else "/v1/completions"
        status, answer = worker.post(path, body)
        assert status == 400
        error = answer["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["message"]
        assert param is None or (error["param"] or "").startswith(param)

    def test_a_prompt_that_does_not_fit_is_told(self, client: openai.OpenAI) -> None:
        import openai

        with pytest.raises(openai.BadRequestError) as caught:
            client.completions.create(model=MODEL_ID, prompt="story " * 2000, max_tokens=4)
        assert caught.value.code == "context_length_exceeded"
        assert str(CONTEXT) in str(caught.value)

    def test_another_model_is_not_found(self, client: openai.OpenAI) -> None:
        import openai

        for stream in (False, True):
            with pytest.raises(openai.NotFoundError) as caught:
                client.chat.completions.create(model="gpt-4", messages=CHAT, stream=stream)
            assert caught.value.code == "model_not_found"

    def test_a_model_of_text_makes_no_embeddings(self, worker: Worker) -> None:
        status, answer = worker.post("/v1/embeddings", {"input": "x"})
        assert (status, answer["error"]["code"]) == (400, "unsupported_task")

    def test_what_is_too_large_is_refused_after_it_was_sent(self, worker: Worker) -> None:
        status, answer = worker.post("/v1/completions", b'{"prompt": "' + b"a" * (33 << 20) + b'"}')
        assert (status, answer["error"]["code"]) == (413, "request_too_large")

    def test_a_wrong_key_is_what_openais_client_expects(self, build: Build, tmp_path: Path) -> None:
        import openai

        key_file = tmp_path / "key"
        key_file.write_text("sk-test-123\n")
        with build.start(tmp_path / "w", api_key_file=key_file) as guarded:
            guarded.until_ready()
            given: Any = {"model": MODEL_ID, "messages": CHAT, "max_tokens": 2}
            wrong = openai.OpenAI(base_url=f"{guarded.url}/v1", api_key="wrong", max_retries=0)
            with pytest.raises(openai.AuthenticationError):
                wrong.chat.completions.create(**given)
            right = openai.OpenAI(base_url=f"{guarded.url}/v1", api_key="sk-test-123", max_retries=0)
            assert right.chat.completions.create(**given).choices

    def test_a_client_that_goes_away_ends_its_work(self, worker: Worker, client: openai.OpenAI) -> None:
        """One that streams, and more than there is room for that have not had a byte yet."""
        wait_until(lambda: worker.get("/info")[1]["status"] == "ready")
        asked: Any = {"model": MODEL_ID, "prompt": "A", "max_tokens": 480, "extra_body": {"ignore_eos": True}}
        stream = client.completions.create(**asked, stream=True)
        next(iter(stream))
        stream.close()
        wait_until(lambda: worker.get("/info")[1]["status"] == "ready")
        asked_for_long = WorkerRequest("/v1/completions", LONG).on_the_wire()
        sockets = [connected(worker) for _ in range(30)]
        for connection in sockets:
            connection.sendall(asked_for_long)
        wait_until(lambda: worker.get("/info")[1]["status"] == "busy")
        for connection in sockets:
            connection.close()
        wait_until(lambda: worker.get("/info")[1]["status"] == "ready")
        assert client.completions.create(model=MODEL_ID, prompt="A", max_tokens=1).usage is not None


def _completed(answer: WorkerAnswer) -> None:
    assert answer.json()["choices"][0]["text"]


def _streamed(answer: WorkerAnswer) -> None:
    assert answer.body.startswith(b"data: ")
    assert answer.body.endswith(b"data: [DONE]\n\n")
