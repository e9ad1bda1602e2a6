"""How a worker begins and ends: loading, draining, being left alone, crashing."""

from __future__ import annotations

import json
import shutil
import signal
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from ..drive_worker import wait_until
from .api import CHAT, LONG
from .base import Base, Build, all_gone, processes

_KEY = "sk-test-123"


class LifeContract(Base):
    """Starts and ends. Every test starts a worker of its own: loading one may cost seconds, so there are few."""

    def test_it_is_not_ready_before_it_can_answer_and_sigterm_lets_it_finish(
        self, build: Build, tmp_path: Path
    ) -> None:
        with build.start(tmp_path) as worker:
            status, health = worker.get("/health")
            if status == 503:  # else it was ready at once
                assert health == {"status": "starting"}
                status, answer = worker.post("/v1/completions", {"prompt": "A", "max_tokens": 1})
                assert status == 200 or (status, answer["error"]["code"]) == (503, "loading")
            worker.until_ready()
            found = processes(worker)
            body = json.dumps({**LONG, "max_tokens": 200, "stream": True}).encode()
            request = urllib.request.Request(f"{worker.url}/v1/completions", body)  # noqa: S310 — our own address
            lines: list[bytes] = []
            first = threading.Event()

            def read() -> None:
                with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                    for line in answer:
                        lines.append(line)
                        first.set()

            reader = threading.Thread(target=read)
            reader.start()
            assert first.wait(30)
            worker.process.terminate()
            assert worker.process.wait(30) == 0
            reader.join(30)
            assert b"data: [DONE]\n" in lines
            wait_until(lambda: all_gone(found))

    def test_a_key_is_demanded_and_never_shown_and_a_crash_is_told(self, build: Build, tmp_path: Path) -> None:
        import openai

        key_file = tmp_path / "key"
        key_file.write_text(f"{_KEY}\n")
        with build.start(tmp_path / "w", api_key_file=key_file) as worker:
            worker.until_ready()
            assert worker.get("/health")[0] == 200
            for path in ("/info", "/v1/models"):
                assert worker.get(path)[0] == 401
                assert worker.get(path, {"Authorization": "Bearer sk-test-124"})[0] == 401
                assert worker.get(path, {"Authorization": f"Bearer {_KEY}"})[0] == 200
            given: Any = {"model": "the-model", "messages": CHAT, "max_tokens": 2}
            wrong = openai.OpenAI(base_url=f"{worker.url}/v1", api_key="wrong", max_retries=0)
            with pytest.raises(openai.AuthenticationError):
                wrong.chat.completions.create(**given)
            right = openai.OpenAI(base_url=f"{worker.url}/v1", api_key=_KEY, max_retries=0)
            assert right.chat.completions.create(**given).choices
            assert _KEY not in " ".join(worker.command_lines())
            assert _KEY not in worker.log.read_text()
            processes(worker)[-1].send_signal(signal.SIGSEGV)
            assert worker.process.wait(30) == 1
            assert "SIGSEGV" in worker.log.read_text()

    def test_it_ends_with_the_pipe_it_watches_even_while_loading(self, build: Build, tmp_path: Path) -> None:
        with build.start(tmp_path, watch_fd=0) as worker:
            found = processes(worker)
            assert worker.process.stdin is not None
            worker.process.stdin.close()
            assert worker.process.wait(30) == 0
            wait_until(lambda: all_gone(found))

    def test_nothing_outlives_a_killed_front(self, build: Build, tmp_path: Path) -> None:
        with build.start(tmp_path) as worker:
            wait_until(lambda: len(processes(worker)) > 1)
            found = processes(worker)
            worker.process.kill()
            worker.process.wait()
            wait_until(lambda: all_gone(found))

    def test_a_damaged_model_ends_it_with_its_reason(self, build: Build, tmp_path: Path) -> None:
        model = _damaged(build.model, tmp_path)
        with build.start(tmp_path / "w", model=model) as worker:
            assert worker.process.wait(90) == 1
            assert str(model) in worker.log.read_text()

    def test_a_port_that_is_taken_is_told(self, build: Build, tmp_path: Path) -> None:
        with build.start(tmp_path / "one") as worker:
            port = worker.url.rpartition(":")[2]
            with build.start(tmp_path / "two", port=port) as second:
                assert second.process.wait(30) == 1
                assert f"Cannot listen on 127.0.0.1:{port}: Address already in use" in second.log.read_text()

    @pytest.mark.parametrize(
        ("option", "value", "message"),
        [
            ("model", "/no/such/model", "/no/such/model"),
            ("host", "0.0.0.0", "give an API key"),  # noqa: S104 — it is refused
            ("port", "99999", "99999"),
            ("context", "0", "0"),
            ("api_key_file", "/no/such/key", "/no/such/key"),
        ],
    )
    def test_a_wrong_command_line_is_told(
        self, build: Build, tmp_path: Path, option: str, value: str, message: str
    ) -> None:
        given: dict[str, Any] = {option: Path(value) if option == "model" else value}
        with build.start(tmp_path, **given) as worker:
            assert worker.process.wait(60) == 2
            assert message in worker.log.read_text()


def _damaged(model: Path, folder: Path) -> Path:
    """A copy of a model of which the end of its weights is missing."""
    copy = folder / f"damaged{model.suffix}"
    if model.is_file():
        copy.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
        return copy
    shutil.copytree(model, copy)
    for weights in copy.glob("*.safetensors"):
        content = weights.read_bytes()[: weights.stat().st_size // 2]
        weights.unlink()  # it may be a link to the store's own file
        weights.write_bytes(content)
    return copy
