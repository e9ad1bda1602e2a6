"""How a worker begins and ends: loading, draining, being left alone, crashing."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from ...workers.placeholders import used
from ..drive_worker import WorkerAnswer, wait_until
from .base import Base, Build, all_gone, processes
from .request import WorkerRequest

_KEY = "sk-test-123"

#: For tests that would fail as well where no worker of this kind ever gets ready.
needs_a_sound_worker = pytest.mark.usefixtures("worker")


class LifeContract(Base):
    """Starts and ends. Every test starts a worker of its own: loading one may cost seconds, so there are few."""

    @needs_a_sound_worker
    def test_sigterm_lets_it_finish_what_it_has_in_hand(
        self, build: Build, long_question: WorkerRequest, tmp_path: Path
    ) -> None:
        asked = long_question
        with build.start(tmp_path) as worker:
            worker.until_ready()
            found = processes(worker)
            answers: list[WorkerAnswer] = []
            begun, told = threading.Event(), threading.Event()

            def read() -> None:
                try:
                    with worker.asking(asked.method, asked.path, asked.body) as answer:
                        beginning = answer.read(1)
                        begun.set()
                        told.wait(30)
                        answers.append(WorkerAnswer.of(answer, beginning + answer.read()))
                finally:
                    begun.set()

            reader = threading.Thread(target=read)
            reader.start()
            assert begun.wait(60)
            worker.process.terminate()
            told.set()
            reader.join(60)
            assert answers, "the answer broke off"
            asked.verify(answers[0])
            assert worker.process.wait(self.ends_within) == 0
            wait_until(lambda: all_gone(found))

    @needs_a_sound_worker
    def test_a_key_is_demanded_and_never_shown(self, build: Build, question: WorkerRequest, tmp_path: Path) -> None:
        key_file = tmp_path / "key"
        key_file.write_text(f"{_KEY}\n")
        with build.start(tmp_path / "w", api_key_file=key_file) as worker:
            worker.until_ready()
            assert worker.get("/health")[0] == 200
            for method, path, body in (
                ("GET", "/info", None),
                ("GET", "/v1/models", None),
                (question.method, question.path, question.body),
            ):
                for wrong in ({}, {"Authorization": "Bearer sk-test-124"}, {"Authorization": _KEY}):
                    answer = worker.ask(method, path, body, wrong)
                    assert (answer.status, answer.json()["error"]["code"]) == (401, "invalid_api_key"), path
                assert worker.ask(method, path, body, {"Authorization": f"Bearer {_KEY}"}).status == 200
            assert _KEY not in " ".join(worker.command_lines())
            assert _KEY not in worker.log.read_text()

    @needs_a_sound_worker
    def test_a_crash_ends_it_and_is_told(self, build: Build, tmp_path: Path) -> None:
        """One process or several: what computes is the last."""
        with build.start(tmp_path) as worker:
            worker.until_ready()
            found = processes(worker)
            found[-1].send_signal(signal.SIGSEGV)
            assert worker.process.wait(self.ends_within) == (-signal.SIGSEGV if len(found) == 1 else 1)
            assert len(found) == 1 or "SIGSEGV" in worker.log.read_text()

    @needs_a_sound_worker
    def test_nothing_outlives_it_when_it_is_killed(self, build: Build, tmp_path: Path) -> None:
        with build.start(tmp_path) as worker:
            worker.until_ready()
            found = processes(worker)
            worker.process.kill()
            worker.process.wait()
            wait_until(lambda: all_gone(found), self.ends_within)

    @needs_a_sound_worker
    def test_left_alone_it_ends_if_it_is_to(self, build: Build, tmp_path: Path) -> None:
        if "idle_timeout" not in used(build.recipe["run"]["entry"]):
            return  # rbee says so when it is asked for
        with build.start(tmp_path, idle_timeout=0.2) as worker:
            assert worker.process.wait(self.ends_within) == 0

    def test_it_ends_with_the_pipe_it_watches_even_while_loading(self, build: Build, tmp_path: Path) -> None:
        with build.start(tmp_path, watch_fd=0) as worker:
            found = processes(worker)
            assert worker.process.stdin is not None
            worker.process.stdin.close()
            assert worker.process.wait(self.ends_within) == 0
            wait_until(lambda: all_gone(found), self.ends_within)

    def test_a_damaged_model_ends_it_with_its_reason(self, build: Build, damaged_model: Path, tmp_path: Path) -> None:
        with build.start(tmp_path / "w", model=damaged_model) as worker:
            assert worker.process.wait(self.ends_within) == 1
            assert str(damaged_model) in worker.log.read_text()

    @needs_a_sound_worker
    def test_a_port_that_is_taken_is_told(self, build: Build, tmp_path: Path) -> None:
        with build.start(tmp_path / "one") as worker, build.start(tmp_path / "two", port=worker.port) as second:
            assert second.process.wait(self.ends_within) == 1
            assert f"Cannot listen on 127.0.0.1:{worker.port}: Address already in use" in second.log.read_text()

    def test_its_ready_file_says_where_it_listens(self, build: Build, tmp_path: Path) -> None:
        if "ready_file" not in used(build.recipe["run"]["entry"]):
            return  # rbee gives it a port then
        with build.start(tmp_path) as worker:
            told = json.loads((tmp_path / "ready.json").read_bytes())
            assert told == {"pid": worker.process.pid, "host": "127.0.0.1", "port": worker.port}

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
        if option not in used(build.recipe["run"]["entry"]):
            return
        given: dict[str, Any] = {option: Path(value) if option == "model" else value}
        with build.start(tmp_path, **given) as worker:
            assert worker.process.wait(self.ends_within) == 2
            assert message in worker.log.read_text()
